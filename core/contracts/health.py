"""How a bridge is, as it says itself with every heartbeat; the platform keeps it, so every text has an end."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

LONGEST_TEXT = 300
MOST_DEVICES = 2_000
Text = Annotated[str, Field(max_length=LONGEST_TEXT)]
Count = Annotated[int, Field(ge=0, lt=1 << 63)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Device(_Model):
    """One endpoint of a site and what lies behind it, reported when a bridge introduces itself."""

    endpoint: Text
    equipment: tuple[Text, ...] = Field(max_length=10_000)
    signals: Count
    """Signals of all its machines together."""


class DriverHealth(_Model):
    """How the connection to one endpoint is."""

    endpoint: Text
    connected_since: AwareDatetime | None
    """None while the device is away."""
    last_reading: AwareDatetime | None
    """When something new was read last, by the bridge's clock."""
    error: Text | None
    """Why the device is away; of one that is there, what of it cannot be read."""


class BridgeHealth(_Model):
    """One look at a bridge."""

    version: Text
    started_at: AwareDatetime
    contract: Text
    """Version and SHA-256 of the contract in force, `1.2.0 4f3a…`."""
    drivers: tuple[DriverHealth, ...] = Field(max_length=MOST_DEVICES)
    outbox_batches: Count
    outbox_rows: Count
    outbox_bytes: Count
    outbox_oldest_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None
    """How long the oldest of them waits; None if nothing does."""
    disk_free_bytes: Count
    cpu_percent: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    """Of one core, since the look before."""
    memory_bytes: Count
    """Resident."""

    @property
    def connected(self) -> int:
        """Devices that are there."""
        return sum(one.connected_since is not None for one in self.drivers)
