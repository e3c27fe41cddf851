"""Signals asked for at their devices: which driver has which machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from bridge.driver import Driver
from core.contracts.reading import Sample
from core.contracts.site import SiteFile
from core.errors import InputError, NotFoundError


@dataclass(frozen=True, slots=True)
class Devices:
    """Drivers of a site by machine; connected or not is the drivers' own affair."""

    site: SiteFile
    by_machine: dict[str, Driver] = field(default_factory=dict[str, Driver])

    @classmethod
    def of(cls, site: SiteFile, drivers: Sequence[Driver]) -> Self:
        """The drivers of `bridge.drivers.drivers_for`."""
        behind = zip(site.measured().by_endpoint(), drivers, strict=True)
        return cls(site, {unit.id: driver for part, driver in behind for unit in part.units()})

    async def sample(self, equipment_id: str, signal: str) -> Sample:
        """Read one signal now.

        Raises:
            NotFoundError: the site has no such signal.
            DeviceLostError: the device does not answer.
            DeviceRefusedError: the device does not serve it.
        """
        found = self.site.signal(equipment_id, signal)
        if found is None:
            raise NotFoundError("no such signal", received=f"{equipment_id}.{signal}")
        if found.derived:
            raise InputError(
                "no device has this signal: it is made on site",
                received=f"{equipment_id}.{signal}",
                next_step="ask for a snapshot or its history",
            )
        return await self.by_machine[equipment_id].sample(equipment_id, signal)

    async def write(self, equipment_id: str, signal: str, value: float) -> None:
        """Write one signal that the drivers were given leave for; see `Driver.write`."""
        await self.by_machine[equipment_id].write(equipment_id, signal, value)
