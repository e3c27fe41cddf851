"""Who may administer: one permission, and nobody beyond their own reach; what is refused is on record."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from agents.api.signed_in import acting, services
from core.db import TenantScope
from core.errors import DeniedError
from core.identity import Authority, Identity, IdentityService


@dataclass(frozen=True, slots=True)
class Administration:
    """What an administering request works with: the caller's own tenant, and how far their hand reaches."""

    accounts: IdentityService
    scope: TenantScope
    by: Authority


def administration(*permissions: str) -> Callable[..., AsyncGenerator[Administration]]:
    """A FastAPI dependency: lets in who has one of these permissions.

    A refusal, also one that comes later for want of reach, is in the audit log before it is answered.

    Raises:
        DeniedError: when called for somebody without any of them.
    """

    async def dependency(
        request: Request, person: Annotated[Identity, Depends(acting)]
    ) -> AsyncGenerator[Administration]:
        accounts = services(request).accounts
        try:
            if not person.permissions & set(permissions):
                raise DeniedError("permission is missing", expected=" or ".join(permissions))
            yield Administration(accounts, person.tenant, Authority.of(person))
        except DeniedError as error:
            # The route and not the address: what was asked for may be another tenant's.
            await accounts.record_denied(person, f"{request.method} {request.scope['route'].path}", str(error))
            raise

    return dependency
