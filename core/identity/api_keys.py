"""Keys of programs: each belongs to a named service principal with roles of its own, never to a person."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from core.db import TenantScope, Transaction
from core.db.queries import load_queries
from core.errors import InputError, NotFoundError
from core.identity.authority import Authority
from core.identity.members import roles_of
from core.settings import IdentitySettings
from core.tenancy import Tenancy
from core.tenancy.keys import hash_of, new_key
from core.tenancy.roles import ADMIN_ROLE

_SQL = load_queries("core.identity", "api_keys.sql")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_LONGEST_PURPOSE = 100
_FASTEST = 100_000


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key that was just made; nobody can read it again."""

    id: UUID
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key as an administrator sees it.

    Attributes:
        principal: who acts with it.
        prefix: finds the key among others; says nothing of the secret part.
        limited_to: the only permissions of its principal it may use; None for all.
        per_minute: requests it may make.
        last_used_at: to the minute.
    """

    id: UUID
    principal: str
    purpose: str
    prefix: str
    roles: list[str]
    limited_to: list[str] | None
    per_minute: int
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class ApiKeys:
    """Over the platform database, under row-level security."""

    def __init__(self, tenancy: Tenancy, settings: IdentitySettings, changed: Callable[[], None]) -> None:
        self._tenancy = tenancy
        self._per_minute = settings.key_requests_per_minute
        self._changed = changed

    async def create(
        self,
        scope: TenantScope,
        principal: str,
        purpose: str,
        roles: Sequence[str],
        *,
        limited_to: Sequence[str] | None = None,
        per_minute: int | None = None,
        expires_at: datetime | None = None,
        by: Authority,
    ) -> NewKey:
        """A new key; a principal of a new name is made with it.

        Args:
            scope: the tenant.
            principal: who will act with it: a-z, 0-9 and -.
            purpose: what it is for.
            roles: of a new principal; a known one has to have exactly these.
            limited_to: the only permissions the key may use.
            per_minute: requests it may make; None for what the settings say.
            expires_at: when it stops working; None for never.
            by: who makes it.

        Raises:
            InputError: name, role, limit, rate or time cannot be, or the principal has other roles.
            DeniedError: the key could do more than whoever makes it.
        """
        rate = self._per_minute if per_minute is None else per_minute
        _check(principal, purpose, rate, expires_at)
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            role_ids, permissions = await roles_of(transaction, scope, roles)
            limit = _limit(permissions, limited_to)
            by.require_reach(permissions if limit is None else limit, admin=limit is None and ADMIN_ROLE in roles)
            principal_id = await _principal(transaction, scope, principal, sorted(set(roles)), role_ids)
            prefix = secrets.token_hex(8)
            key = new_key(prefix)
            made = (scope.id, principal_id, purpose.strip(), prefix, hash_of(key), limit, expires_at, str(by.actor))
            key_id = await transaction.fetchval(_SQL["add"], *made, rate)
            after = {"principal": principal, "prefix": prefix, "roles": sorted(set(roles)), "limited_to": limit}
            after |= {"per_minute": rate, "expires_at": expires_at and str(expires_at)}
            self._tenancy.audit.note(transaction, scope, by.actor, "api_key.create", purpose.strip(), None, after)
        return NewKey(key_id, key)

    async def all(self, scope: TenantScope) -> list[KeyRecord]:
        """Keys of a tenant, also those that have ended."""
        async with self._tenancy.platform.transaction(scope.id, readonly=True) as transaction:
            return [KeyRecord(**row) for row in await transaction.fetch(_SQL["all"], scope.id)]

    async def revoke(self, scope: TenantScope, key_id: UUID, *, by: Authority) -> None:
        """End a key for good; it stops working within seconds.

        Raises:
            NotFoundError: no key of that id works in this tenant.
        """
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            row = await transaction.fetchrow(_SQL["revoke"], scope.id, key_id)
            if row is None:
                raise NotFoundError("no such key")
            before = {"principal": row["principal"], "prefix": row["prefix"]}
            self._tenancy.audit.note(transaction, scope, by.actor, "api_key.revoke", row["purpose"], before)
        self._changed()


def _check(principal: str, purpose: str, per_minute: int, expires_at: datetime | None) -> None:
    if not _NAME.fullmatch(principal):
        raise InputError(
            "not a name for a service principal", expected="a-z, 0-9 and -, a letter first", received=principal[:100]
        )
    if not purpose.strip() or len(purpose) > _LONGEST_PURPOSE:
        raise InputError("a key needs a purpose", expected=f"1 to {_LONGEST_PURPOSE} characters")
    if not 1 <= per_minute <= _FASTEST:
        raise InputError("not a rate for a key", expected=f"1 to {_FASTEST} requests a minute", received=per_minute)
    if expires_at is not None and (expires_at.tzinfo is None or expires_at <= datetime.now(UTC)):
        raise InputError("a key cannot expire before it is made", expected="a time to come, with its offset")


def _limit(permissions: frozenset[str], limited_to: Sequence[str] | None) -> list[str] | None:
    if limited_to is None:
        return None
    beyond = sorted(set(limited_to) - permissions)
    if beyond or not limited_to:
        raise InputError(
            "a key is limited to some of what its roles may do",
            expected=", ".join(sorted(permissions)) or "nothing",
            received=", ".join(beyond) or None,
        )
    return sorted(set(limited_to))


async def _principal(
    transaction: Transaction, scope: TenantScope, name: str, roles: list[str], role_ids: list[UUID]
) -> UUID:
    known = await transaction.fetchrow(_SQL["principal"], scope.id, name)
    if known is None:
        made = await transaction.fetchval(_SQL["add_principal"], scope.id, name)
        for role_id in role_ids:
            await transaction.execute(_SQL["give_role"], scope.id, made, role_id)
        return made
    if known["roles"] != roles:
        raise InputError(
            "the service principal has other roles",
            expected=", ".join(known["roles"]),
            received=", ".join(roles),
            where=name,
            next_step="name these, or another principal",
        )
    return known["id"]
