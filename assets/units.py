"""Readings that were taken, and tables that were built, in other units than those in force now. Pure: frames in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import polars as pl

from assets.catalogue import ContractedSite
from core.contracts.data_contract import DataContract
from core.contracts.site import SiteFile
from core.contracts.units import convert_factor
from core.errors import InputError
from lake.spec import TableSpec
from lake.tables.columns import UNIT_IS

_BASE = ["site", "equipment_id", "base"]
_WIDTHS = ("spread",)
"""Columns that say how far apart values lie: no offset is added to them."""
_FACTORS = {"to_scale": pl.Float64(), "to_offset": pl.Float64()}
TAKEN: Mapping[str, pl.DataType] = {**dict.fromkeys([*_BASE, "contract_version", "taken_in"], pl.String()), **_FACTORS}
BUILT: Mapping[str, pl.DataType] = {**dict.fromkeys([*_BASE, "unit", "to_unit"], pl.String()), **_FACTORS}


def taken(sites: Iterable[ContractedSite]) -> pl.DataFrame:
    """Signals whose device spoke another unit under an earlier version of the contract.

    Grain: site, equipment_id, base, contract_version. `value * to_scale + to_offset` is in the unit in force now; both
    are null where that measures something else.
    """
    rows: dict[tuple[str, ...], tuple[object, ...]] = {}
    for entry in sites:
        for contract, site in ((one.contract, one.site) for one in entry.former):
            # A text that came without a new version cannot be told from the one in force: the newest counts.
            if site is None or contract.version == entry.contract.version:
                continue
            units = {(machine, name): unit for machine, _, name, unit in _signals(site)}
            for machine, kind, name, unit in _signals(entry.site):
                key = (entry.site.site, machine, name, contract.version)
                was = units.get((machine, name), unit)
                rows.pop(key, None)
                if was != unit:
                    rows[key] = (*key, was, *_factors(was, _promised(entry.contract, kind, name, unit)))
    return pl.DataFrame(list(rows.values()), schema=dict(TAKEN), orient="row")


def built(sites: Iterable[ContractedSite]) -> pl.DataFrame:
    """Units that an earlier contract promised, where another is promised now; grain: site, equipment_id, base, unit."""
    rows: dict[tuple[str, ...], tuple[object, ...]] = {}
    for entry in sites:
        for contract, site in ((one.contract, one.site) for one in entry.former):
            units = {(machine, name): unit for machine, _, name, unit in _signals(site or entry.site)}
            for machine, kind, name, unit in _signals(entry.site):
                now = _promised(entry.contract, kind, name, unit)
                was = _promised(contract, kind, name, units.get((machine, name), unit))
                if was != now:
                    key = (entry.site.site, machine, name, was)
                    rows[key] = (*key, now, *_factors(was, now))
    return pl.DataFrame(list(rows.values()), schema=dict(BUILT), orient="row")


def _signals(site: SiteFile) -> Iterator[tuple[str, str, str, str]]:
    return ((unit.id, unit.type, signal.name, signal.unit) for unit in site.units() for signal in unit.signals)


def _promised(contract: DataContract, kind: str, signal: str, unit: str) -> str:
    promise = contract.signals.get((kind, signal))
    return promise.unit if promise else unit


def _factors(was: str, now: str) -> tuple[float | None, float | None]:
    try:
        return convert_factor(was, now)
    except InputError:
        return None, None


def measured_columns(spec: TableSpec) -> list[str]:
    """Columns of a table of signals that are in the unit of their row."""
    if not {"signal", "unit"} <= set(spec.schema.names):
        return []
    return [column.name for column in spec.columns if column.unit == UNIT_IS]


def in_force(rows: pl.LazyFrame, columns: Sequence[str], units: pl.DataFrame) -> pl.LazyFrame:
    """Rows with what they measure in the unit in force now; those that measured something else are left out.

    Args:
        rows: with `site`, `equipment_id`, `signal` and `unit`.
        columns: what is in `unit`: a number, or a list of them.
        units: see `built`; nothing is touched where it is empty.
    """
    if units.is_empty():
        return rows
    names = rows.collect_schema().names()
    signal, listed = pl.col("signal"), pl.col("to_unit").is_not_null()
    base = pl.when(~signal.str.contains(":count:", literal=True)).then(signal.str.extract("^([^:]+)"))
    scaled = {name: pl.col(name) * pl.col("to_scale") for name in columns}
    now = {name: value if name in _WIDTHS else value + pl.col("to_offset") for name, value in scaled.items()}
    return (
        rows.with_columns(base=base)
        .join(units.lazy(), on=[*_BASE, "unit"], how="left", maintain_order="left")
        .filter(~listed | pl.col("to_scale").is_not_null())
        .with_columns(
            **{name: pl.when(listed).then(value).otherwise(name) for name, value in now.items()},
            unit=pl.coalesce("to_unit", "unit"),
        )
        .select(names)
    )
