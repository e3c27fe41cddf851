"""The tenants' bridges: how they are and were, and who is told when one goes or comes back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from pydantic import ValidationError

from core.contracts.health import BridgeHealth, Device
from core.db import Database, TenantScope, Transaction
from core.db.queries import load_queries
from core.log import get_logger
from core.settings import GatewaySettings
from core.tenancy.roles import ADMIN_ROLE

_SQL = load_queries("core.tenancy", "fleet.sql")
CLOCK_OFF_S = 60.0
"""A bridge whose clock is further away is flagged."""
_log = get_logger("tenancy")


@dataclass(frozen=True, slots=True)
class BridgeState:
    """A bridge as the platform knows it.

    Attributes:
        last_seen: None until it first signed in.
        down_since: when it was heard of last, once it counts as down.
        health: what it said of itself at `health_at`.
        clock_offset_s: by how much its clock was ahead then.
        connected: heard of lately.
    """

    bridge_id: str
    site: str
    incarnation: str | None
    last_seen: datetime | None
    down_since: datetime | None
    version: str | None
    devices: tuple[Device, ...]
    health: BridgeHealth | None
    health_at: datetime | None
    clock_offset_s: float | None
    connected: bool

    @property
    def state(self) -> Literal["up", "down", "never"]:
        """`never` signed in so far, `up`, or `down`."""
        return "never" if self.last_seen is None else "up" if self.connected else "down"

    @property
    def clock_is_off(self) -> bool:
        """Its clock is too far from the platform's."""
        return self.clock_offset_s is not None and abs(self.clock_offset_s) > CLOCK_OFF_S


@dataclass(frozen=True, slots=True)
class HealthLine:
    """One heartbeat of the past."""

    at: datetime
    version: str
    devices: int
    devices_connected: int
    outbox_rows: int
    outbox_bytes: int
    outbox_oldest_s: float | None
    disk_free_bytes: int
    cpu_percent: float
    memory_bytes: int
    clock_offset_s: float


@dataclass(frozen=True, slots=True)
class Notice:
    """Something somebody in a tenant is told."""

    id: UUID
    severity: str
    subject: str
    message: str
    action_url: str | None
    created_at: datetime


class Fleet:
    """Bridges and notices in the platform database, under row-level security.

    Args:
        database: the platform database.
        settings: how long a bridge may be silent, how long its past is kept.
    """

    def __init__(self, database: Database, settings: GatewaySettings) -> None:
        self._database = database
        self._silence = timedelta(seconds=settings.bridge_down_after_s)
        self._kept = timedelta(days=settings.health_days)

    async def introduce(self, scope: TenantScope, bridge_id: str, version: str, devices: tuple[Device, ...]) -> None:
        """Keep what a bridge says of itself and its machines when it connects."""
        told = [one.model_dump(mode="json") for one in devices]
        async with self._database.transaction(scope.id) as transaction:
            await transaction.execute(_SQL["introduced"], bridge_id, version or None, told)

    async def seen(self, scope: TenantScope, bridge_id: str, incarnation: str | None = None) -> None:
        """Note a sign of life; a bridge that was down is back, which is told once."""
        async with self._database.transaction(scope.id) as transaction:
            back = await self._see(transaction, scope, bridge_id, incarnation)
        self._log_return(scope, bridge_id, back)

    async def beat(
        self, scope: TenantScope, bridge_id: str, incarnation: str, health: BridgeHealth, clock_offset_s: float
    ) -> None:
        """Keep a heartbeat as the bridge's state and in its history, and let go of history past its time."""
        line = (
            *(health.version, len(health.drivers), health.connected, health.outbox_rows, health.outbox_bytes),
            *(health.outbox_oldest_s, health.disk_free_bytes, health.cpu_percent, health.memory_bytes, clock_offset_s),
        )
        async with self._database.transaction(scope.id) as transaction:
            back = await self._see(transaction, scope, bridge_id, incarnation)
            await transaction.execute(_SQL["beats"], bridge_id, health.model_dump(mode="json"), clock_offset_s)
            await transaction.execute(_SQL["remember"], scope.id, bridge_id, *line)
            await transaction.execute(_SQL["forget"], bridge_id, self._kept)
        self._log_return(scope, bridge_id, back)

    async def _see(
        self, transaction: Transaction, scope: TenantScope, bridge_id: str, incarnation: str | None
    ) -> timedelta | None:
        """How long the bridge was down, if this is the sign of life that ends it."""
        row = await transaction.fetchrow(_SQL["seen"], bridge_id, incarnation)
        if row is None or row["down_since"] is None:
            return None
        away: timedelta = row["at"] - row["down_since"]
        since = f"{row['down_since']:%Y-%m-%d %H:%M:%S} UTC"
        message = f"Bridge {bridge_id} of site {row['site']} is back. It was away for {spoken(away)}, since {since}."
        subject = f"Bridge {bridge_id} is back after {spoken(away)}"
        await transaction.execute(_SQL["tell"], scope.id, ADMIN_ROLE, "info", subject, message)
        return away

    def _log_return(self, scope: TenantScope, bridge_id: str, away: timedelta | None) -> None:
        if away is not None:
            down_s = round(away.total_seconds(), 1)
            _log.info("bridge is back", action="bridge_up", tenant=scope.slug, bridge=bridge_id, down_s=down_s)

    async def silent(self) -> list[tuple[UUID, str]]:
        """Tenant and name of every bridge that is silent too long and not known to be down."""
        rows = await self._database.fetch(_SQL["silent"], self._silence)
        return [(row["tenant_id"], row["bridge_id"]) for row in rows]

    async def take_down(self, scope: TenantScope, bridge_id: str) -> bool:
        """Note that a bridge is down and tell its tenant; False if somebody else did so, or it is back.

        However many gateways look, and whenever one starts again, one of them tells.
        """
        async with self._database.transaction(scope.id) as transaction:
            row = await transaction.fetchrow(_SQL["goes"], bridge_id, self._silence)
            if row is None:
                return False
            since = f"{row['down_since']:%Y-%m-%d %H:%M:%S} UTC"
            message = (
                f"Bridge {bridge_id} of site {row['site']} was last heard of at {since}. What it reads meanwhile is "
                "kept on site and sent when it is back."
            )
            subject = f"Bridge {bridge_id} is down"
            await transaction.execute(_SQL["tell"], scope.id, ADMIN_ROLE, "warning", subject, message)
        since_text = row["down_since"].isoformat()
        _log.warning("bridge is down", action="bridge_down", tenant=scope.slug, bridge=bridge_id, since=since_text)
        return True

    async def bridges(self, scope: TenantScope) -> list[BridgeState]:
        """Every bridge of a tenant, by name."""
        async with self._database.transaction(scope.id, readonly=True) as transaction:
            return [_state(row) for row in await transaction.fetch(_SQL["bridges"], self._silence)]

    async def history(
        self, scope: TenantScope, bridge_id: str, since: datetime, limit: int = 1_000
    ) -> list[HealthLine]:
        """Heartbeats of a bridge, the newest first."""
        async with self._database.transaction(scope.id, readonly=True) as transaction:
            rows = await transaction.fetch(_SQL["history"], bridge_id, since, limit)
        return [HealthLine(**row) for row in rows]

    async def notices(self, scope: TenantScope, who: UUID, limit: int = 50) -> list[Notice]:
        """What a person or service principal is told by name, by role, or with everybody; the newest first."""
        async with self._database.transaction(scope.id, readonly=True) as transaction:
            return [Notice(**row) for row in await transaction.fetch(_SQL["notices"], who, limit)]


def spoken(time: timedelta) -> str:
    """A time as people say it: its two largest parts, `3 h 12 min`."""
    seconds = max(int(time.total_seconds()), 0)
    units = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
    parts: list[str] = []
    for size, name in units:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {name}")
    return " ".join(parts[:2]) or "0 s"


def _state(row: dict[str, Any]) -> BridgeState:
    devices, health = row.pop("devices"), row.pop("health")
    try:
        known = None if health is None else BridgeHealth.model_validate(health)
    except ValidationError:
        known = None  # Of another version of the product; the next heartbeat is of this one.
    return BridgeState(**row, devices=tuple(Device.model_validate(one) for one in devices or ()), health=known)
