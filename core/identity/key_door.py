"""The door for programs: who comes with a key, with which permissions at this moment, and how often."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from core.audit import Actor, ActorKind
from core.db import TenantScope
from core.db.queries import load_queries
from core.errors import DeniedError, TooManyRequestsError
from core.identity.identity import API_KEY, Identity
from core.identity.rates import Rates
from core.identity.shared_rates import Bucket, SharedRates
from core.identity.standing import REMEMBERED_S
from core.tenancy import Tenancy
from core.tenancy.keys import hash_of, matches, prefix_of

_SQL = load_queries("core.identity", "api_keys.sql")
_MOST = 10_000
_TOLD_A_MINUTE = 1
"""Refusals of one key for one reason that the audit log hears of: a flood must not fill it."""
_LEASES_A_MINUTE = 20
"""Times a minute that a busy key's requests are fetched from the bucket all processes share, some at once."""
_LEASED_S = 10.0
"""Requests that were fetched and not made by then are given up."""


@dataclass(frozen=True, slots=True)
class _Known:
    at: float
    key_id: UUID
    prefix: str
    per_minute: int
    identity: Identity


@dataclass(slots=True)
class _Lease:
    left: int
    until: float


class KeyDoor:
    """Over the platform database, under row-level security; remembers keys for a few seconds."""

    def __init__(self, tenancy: Tenancy, rates: SharedRates) -> None:
        self._tenancy = tenancy
        self._known: dict[bytes, _Known] = {}
        self._rates = rates
        self._leases: dict[UUID, _Lease] = {}
        self._told = Rates()

    async def enter(self, key: str) -> Identity:
        """Who acts with a key, with the permissions of this moment; counts as one request of it.

        Raises:
            DeniedError: nobody does, it was revoked or has expired, or the tenant is not active.
            TooManyRequestsError: it has come more often than it may.
        """
        known = await self._of(key)
        wait = await self._take(known)
        if wait:
            rate = f"{known.per_minute} requests a minute"
            await self._record(known.identity.tenant, known.identity.actor, known.prefix, f"more than {rate}")
            raise TooManyRequestsError("the key is used too often", retry_after_s=wait, expected=f"up to {rate}")
        return known.identity

    def is_familiar(self, key: str) -> bool:
        """Whether the key has been good here; it may have been revoked since."""
        return hash_of(key) in self._known

    async def _take(self, known: _Known) -> float:
        """Seconds to wait; 0 if the request is within the rate."""
        now = time.monotonic()
        lease = self._leases.get(known.key_id)
        if lease is None or lease.until < now or not lease.left:
            bucket = Bucket.of("api_key", str(known.key_id), per_minute=known.per_minute)
            taken = await self._rates.take([bucket], max(1, known.per_minute // _LEASES_A_MINUTE))
            if not taken.granted:
                return taken.wait_s
            if len(self._leases) >= _MOST:
                self._leases.clear()
            lease = self._leases[known.key_id] = _Lease(taken.granted, now + _LEASED_S)
        lease.left -= 1
        return 0.0

    def forget(self) -> None:
        """Drop what is remembered: keys or roles have changed in this process."""
        self._known.clear()

    async def _of(self, key: str) -> _Known:
        kept = hash_of(key)
        known = self._known.get(kept)
        if known is not None and time.monotonic() - known.at < REMEMBERED_S:
            return known
        try:
            found = await self._look_up(key)
        except DeniedError:
            self._known.pop(kept, None)
            raise
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[kept] = found
        return found

    async def _look_up(self, key: str) -> _Known:
        prefix = prefix_of(key)
        row = await self._tenancy.platform.fetchrow(_SQL["by_prefix"], prefix) if prefix else None
        if row is None or prefix is None:
            raise _refused()
        scope = await self._tenancy.active(row["tenant_id"])
        if not matches(key, row["key_hash"]):
            raise await self._denied(scope, prefix, "its secret is wrong")
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            standing = await transaction.fetchrow(_SQL["standing"], scope.id, row["id"])
            if standing is not None:
                await transaction.execute(_SQL["used"], scope.id, row["id"])
        if standing is None:
            raise await self._denied(scope, prefix, "it was revoked or has expired")
        return _Known(time.monotonic(), row["id"], prefix, standing["per_minute"], _identity(scope, standing))

    async def _denied(self, scope: TenantScope, prefix: str, reason: str) -> DeniedError:
        await self._record(scope, Actor(ActorKind.API_KEY, prefix), prefix, reason)
        return _refused()

    async def _record(self, scope: TenantScope, actor: Actor, prefix: str, reason: str) -> None:
        if not self._told.take((prefix, reason), _TOLD_A_MINUTE):
            await self._tenancy.audit.record(scope, actor, "api_key.use", prefix, None, {"reason": reason}, "denied")


def _identity(scope: TenantScope, standing: dict[str, Any]) -> Identity:
    permissions, limit = frozenset(standing["permissions"]), standing["limited_to"]
    if limit is not None:
        permissions &= frozenset(limit)
    admin = standing["admin"] and limit is None
    name = standing["name"]
    return Identity(standing["id"], name, name, scope, permissions, None, API_KEY, admin)


def _refused() -> DeniedError:
    return DeniedError("the key is not valid", next_step="ask an administrator for a new one")
