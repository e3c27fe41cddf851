"""A contract laid over a site: for every machine and signal what happens to its readings."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.driver import Series
from core.contracts.data_contract import DataContract, Deadband, Rule, Window
from core.contracts.site import SiteFile


@dataclass(frozen=True, slots=True)
class SeriesPlan:
    """What the contract says of one signal of one machine; without `contracted` it stays on site."""

    equipment_id: str
    signal: str
    contracted: bool
    forward: bool
    deadband: Deadband | None
    sampling_us: int | None
    windows: tuple[Window, ...]
    rules: tuple[Rule, ...]

    @property
    def stateless(self) -> bool:
        """All its readings share one fate, whatever came before."""
        thinned = self.forward and (self.deadband is not None or self.sampling_us is not None)
        return not (thinned or self.windows or self.rules)


@dataclass(frozen=True, slots=True)
class SitePlan:
    """Plans of every series of a site."""

    site: str
    series: dict[Series, SeriesPlan]

    def of(self, equipment_id: str, signal: str) -> SeriesPlan:
        """The plan of a series; one that neither site file nor contract knows is withheld."""
        found = self.series.get((equipment_id, signal))
        return found if found is not None else SeriesPlan(equipment_id, signal, False, False, None, None, (), ())


def plan_site(site: SiteFile, contract: DataContract) -> SitePlan:
    """Lay a contract over a site."""
    plans: dict[Series, SeriesPlan] = {}
    for unit in site.units():
        for signal in unit.signals:
            promise = contract.signals.get((unit.type, signal.name))
            rules = tuple(r for r in contract.rules if r.equipment_type == unit.type and r.signal == signal.name)
            plans[unit.id, signal.name] = SeriesPlan(
                equipment_id=unit.id,
                signal=signal.name,
                contracted=promise is not None,
                forward=promise is not None and promise.forward,
                deadband=promise.deadband if promise else None,
                sampling_us=promise.sampling_us if promise else None,
                windows=promise.windows if promise else (),
                rules=rules,
            )
    return SitePlan(site.site, plans)
