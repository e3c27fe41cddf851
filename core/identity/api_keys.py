"""Keys of programs: each belongs to a named service principal with roles of its own, never to a person."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from core.db import TenantScope, Transaction
from core.db.queries import load_queries
from core.errors import DeniedError, InputError, NotFoundError
from core.identity.authority import Authority
from core.identity.identity import API_KEY, Identity
from core.identity.members import roles_of
from core.identity.standing import REMEMBERED_S
from core.tenancy import Tenancy
from core.tenancy.keys import hash_of, matches, new_key, prefix_of
from core.tenancy.roles import ADMIN_ROLE

_SQL = load_queries("core.identity", "api_keys.sql")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_LONGEST_PURPOSE = 100
_MOST = 10_000


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
        last_used_at: to the minute.
    """

    id: UUID
    principal: str
    purpose: str
    prefix: str
    roles: list[str]
    limited_to: list[str] | None
    created_by: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class ApiKeys:
    """Over the platform database, under row-level security."""

    def __init__(self, tenancy: Tenancy) -> None:
        self._tenancy = tenancy
        self._known: dict[bytes, tuple[float, Identity]] = {}

    async def create(
        self,
        scope: TenantScope,
        principal: str,
        purpose: str,
        roles: Sequence[str],
        *,
        limited_to: Sequence[str] | None = None,
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
            expires_at: when it stops working; None for never.
            by: who makes it.

        Raises:
            InputError: name, role, limit or time cannot be, or the principal has other roles.
            DeniedError: the key could do more than whoever makes it.
        """
        _check(principal, purpose, expires_at)
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            role_ids, permissions = await roles_of(transaction, scope, roles)
            limit = _limit(permissions, limited_to)
            by.require_reach(permissions if limit is None else limit, admin=limit is None and ADMIN_ROLE in roles)
            principal_id = await _principal(transaction, scope, principal, sorted(set(roles)), role_ids)
            prefix = secrets.token_hex(8)
            key = new_key(prefix)
            made = (scope.id, principal_id, purpose.strip(), prefix, hash_of(key), limit, expires_at, str(by.actor))
            key_id = await transaction.fetchval(_SQL["add"], *made)
            after = {"principal": principal, "prefix": prefix, "roles": sorted(set(roles)), "limited_to": limit}
            after["expires_at"] = expires_at and str(expires_at)
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
        self._known.clear()

    async def verify(self, key: str) -> Identity:
        """Who acts with a key, with the permissions of this moment.

        Raises:
            DeniedError: nobody does, it was revoked or has expired, or the tenant is not active.
        """
        kept = hash_of(key)
        at, known = self._known.get(kept, (0.0, None))
        if known is not None and time.monotonic() - at < REMEMBERED_S:
            return known
        self._known.pop(kept, None)
        prefix = prefix_of(key)
        row = await self._tenancy.platform.fetchrow(_SQL["by_prefix"], prefix) if prefix else None
        if row is None or not matches(key, row["key_hash"]):
            raise _refused()
        scope = await self._tenancy.active(row["tenant_id"])
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            standing = await transaction.fetchrow(_SQL["standing"], scope.id, row["id"])
            if standing is None:
                raise _refused()
            await transaction.execute(_SQL["used"], scope.id, row["id"])
        if len(self._known) >= _MOST:
            self._known.clear()
        found = _identity(scope, standing)
        self._known[kept] = (time.monotonic(), found)
        return found

    def forget(self) -> None:
        """Drop what is remembered: roles have changed in this process."""
        self._known.clear()


def _identity(scope: TenantScope, standing: dict[str, Any]) -> Identity:
    permissions, limit = frozenset(standing["permissions"]), standing["limited_to"]
    if limit is not None:
        permissions &= frozenset(limit)
    admin = standing["admin"] and limit is None
    name = standing["name"]
    return Identity(standing["id"], name, name, scope, permissions, None, API_KEY, admin)


def _check(principal: str, purpose: str, expires_at: datetime | None) -> None:
    if not _NAME.fullmatch(principal):
        raise InputError(
            "not a name for a service principal", expected="a-z, 0-9 and -, a letter first", received=principal[:100]
        )
    if not purpose.strip() or len(purpose) > _LONGEST_PURPOSE:
        raise InputError("a key needs a purpose", expected=f"1 to {_LONGEST_PURPOSE} characters")
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


def _refused() -> DeniedError:
    return DeniedError("the key is not valid", next_step="ask an administrator for a new one")
