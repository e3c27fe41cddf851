"""What the sites of a tenant measure, as one frame: by machine and signal, under the contract in force."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from core.contracts.data_contract import DataContract, SignalContract
from core.contracts.equipment import Role, Signal
from core.contracts.site import SiteFile
from core.contracts.units import convert_factor
from core.tenancy.sites import FormerTerms
from quality.physics import possible

_ROLE_AGGREGATE = {Role.RUNNING: "mean", Role.SPEED: "mean", Role.FAULT: "mean", Role.COUNT: "last", Role.GOOD: "last"}
"""The window that stands in for a signal with a role that leaves the site only as windows."""

SCHEMA: Mapping[str, pl.DataType] = {
    "site": pl.String(),
    "equipment_id": pl.String(),
    "equipment_type": pl.String(),
    "base": pl.String(),
    "unit": pl.String(),
    "scale": pl.Float64(),
    "offset": pl.Float64(),
    "minimum": pl.Float64(),
    "maximum": pl.Float64(),
    "numeric": pl.Boolean(),
    "deadband": pl.Boolean(),
    "role": pl.String(),
    "role_signal": pl.String(),
    "tolerance": pl.Float64(),
    "floor": pl.Float64(),
    "ceiling": pl.Float64(),
    "why": pl.String(),
}


@dataclass(frozen=True, slots=True)
class ContractedSite:
    """A site and the contract it sends under."""

    site: SiteFile
    contract: DataContract
    former: tuple[FormerTerms, ...] = ()
    """What was in force before, the oldest first."""


def catalogue(sites: Iterable[ContractedSite]) -> pl.DataFrame:
    """One row a machine and signal, contracted or not; grain: site, equipment_id, base.

    A machine or signal that a site no longer has keeps its row, as it was described last: its history stays there.

    `base` is the signal a window is derived from, or the signal itself; `value * scale + offset` is in `unit`;
    `role_signal` is the signal that speaks for the role: itself, or a window if the raw one stays on site;
    `tolerance`, `floor`, `ceiling` and `why` are those of `quality.physics.Possible`.
    """
    rows = [_row(*one) for entry in sites for one in _described(entry)]
    return pl.DataFrame(rows, schema=dict(SCHEMA), orient="row")


def _described(entry: ContractedSite) -> Iterable[tuple[ContractedSite, str, str, Signal]]:
    """Machines and signals of a site, those it no longer has under what was in force on it then."""
    known: set[tuple[str, str]] = set()
    types: dict[str, str] = {}
    before = [ContractedSite(was.site, was.contract) for was in reversed(entry.former) if was.site]
    for one in (entry, *before):
        for equipment_id, kind, signal in _signals(one.site):
            # A machine is of one type, the newest: another one's signals are not its own.
            if types.setdefault(equipment_id, kind) == kind and (equipment_id, signal.name) not in known:
                known.add((equipment_id, signal.name))
                yield one, equipment_id, kind, signal


def _signals(site: SiteFile) -> Iterable[tuple[str, str, Signal]]:
    return ((unit.id, unit.type, signal) for unit in site.units() for signal in unit.signals)


def _row(entry: ContractedSite, equipment_id: str, kind: str, signal: Signal) -> tuple[object, ...]:
    promise = entry.contract.signals.get((kind, signal.name))
    unit = promise.unit if promise else signal.unit
    scale, offset = convert_factor(signal.unit, unit) if unit != signal.unit else (1.0, 0.0)
    role_signal = _role_signal(signal, promise) if signal.role else None
    minimum, maximum = (promise.minimum, promise.maximum) if promise else (None, None)
    can = possible(unit, signal.role.value if signal.role else None, minimum, maximum)
    return (
        entry.site.site,
        equipment_id,
        kind,
        signal.name,
        unit,
        scale,
        offset,
        minimum,
        maximum,
        bool(promise and promise.numeric),
        bool(promise and promise.deadband),
        signal.role.value if signal.role and role_signal else None,
        role_signal,
        can.tolerance,
        can.floor,
        can.ceiling,
        can.why,
    )


def _role_signal(signal: Signal, promise: SignalContract | None) -> str | None:
    if promise is None or promise.forward:
        return signal.name
    wanted = _ROLE_AGGREGATE[signal.role] if signal.role else None
    fitting = [w for w in promise.windows if wanted in w.aggregates]
    return min(fitting, key=lambda w: w.every_us).signal_of(signal.name, str(wanted)) if fitting else None


def rule_names(sites: Iterable[ContractedSite]) -> pl.DataFrame:
    """Edge rules by what their events say; grain: site, equipment_type, fault_code.

    Rules of one type that share a fault code cannot be told apart in events and are counted under the first's name.
    """
    rows = [
        (entry.site.site, rule.equipment_type, rule.fault_code, rule.name)
        for entry in sites
        for rule in entry.contract.rules
    ]
    names = ["site", "equipment_type", "fault_code", "rule"]
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
