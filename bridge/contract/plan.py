"""A contract laid over a site: for every machine and signal what happens to its readings."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from bridge.block import Ints, Legend
from bridge.driver import Series
from core.contracts.data_contract import DataContract, Deadband, Rule, Window
from core.contracts.reading import WITHHELD_SIGNAL
from core.contracts.site import SiteFile


@dataclass(frozen=True, slots=True)
class SeriesPlan:
    """What the contract says of one signal of one machine; without `contracted` it stays on site.

    Attributes:
        upstream: (equipment, signal) as the platform may know it: withheld signals of a machine share the name `*`.
        stateless: all its readings share one fate, whatever came before.
    """

    equipment_id: str
    signal: str
    contracted: bool
    forward: bool
    deadband: Deadband | None
    sampling_us: int | None
    windows: tuple[Window, ...]
    rules: tuple[Rule, ...]
    upstream: Series = field(init=False)
    stateless: bool = field(init=False)

    def __post_init__(self) -> None:
        thinned = self.forward and (self.deadband is not None or self.sampling_us is not None)
        name = self.signal if self.contracted else WITHHELD_SIGNAL
        object.__setattr__(self, "upstream", (self.equipment_id, name))
        object.__setattr__(self, "stateless", not (thinned or self.windows or self.rules))


@dataclass(frozen=True, slots=True, eq=False)
class Laid:
    """Plans of the series of a step, a column each.

    Attributes:
        series: which these are.
        plans: for each its plan.
        contracted: 1 for those that may leave.
        stateless: whether all of them are.
        upstream: names as the platform may know them, each once.
        place: for each series the code of its name upstream.
    """

    series: tuple[Series, ...]
    plans: list[SeriesPlan]
    contracted: npt.NDArray[np.intp]
    stateless: bool
    upstream: Legend
    place: Ints


@dataclass(frozen=True, slots=True)
class SitePlan:
    """Plans of every series of a site."""

    site: str
    series: dict[Series, SeriesPlan]
    _laid: list[Laid] = field(default_factory=list[Laid], init=False, compare=False)

    def lay(self, series: tuple[Series, ...]) -> Laid:
        """The plans of some series; remembered for as long as the next step has the same."""
        if not self._laid or self._laid[0].series is not series:
            plans = [self.of(*one) for one in series]
            codes: dict[Series, int] = {}
            place = [codes.setdefault(one.upstream, len(codes)) for one in plans]
            contracted = np.array([one.contracted for one in plans], np.intp)
            stateless = all(one.stateless for one in plans)
            self._laid[:] = [Laid(series, plans, contracted, stateless, Legend(codes), np.array(place, np.int64))]
        return self._laid[0]

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
