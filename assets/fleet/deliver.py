"""Fleet tables, computed from the lakes of those who agreed and delivered into the same lakes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from assets.fleet.aggregate import fault_part, faults_over, kpi_part, kpis_over
from core.errors import GoldlayerError
from lake.forgetting import replace_and_forget
from lake.growth import empty
from lake.spec import TableSpec
from lake.store import TenantLake
from lake.tables import fleet, gold, silver


@dataclass(frozen=True, slots=True)
class _Figure:
    """A fleet table: what each tenant gives to it, and what becomes of the parts."""

    source: TableSpec
    part: Callable[[pl.LazyFrame], pl.DataFrame]
    over: Callable[[Sequence[pl.DataFrame], int], pl.DataFrame]


_FIGURES: Mapping[TableSpec, _Figure] = {
    fleet.FLEET_KPI_DAILY: _Figure(gold.KPI_DAILY, kpi_part, kpis_over),
    fleet.FLEET_FAULTS: _Figure(silver.FAULT_EPISODES, fault_part, faults_over),
}


@dataclass(slots=True)
class Delivery:
    """What a run did.

    Attributes:
        contributors: tenants whose figures counted.
        rows: rows delivered, by full name of the table.
        versions: version of each table delivered, by tenant and full name.
        emptied: tenants without a consent whose tables held rows until now.
        failed: tenants whose lake could not be read or written, with the reason.
    """

    contributors: list[str]
    rows: dict[str, int]
    versions: dict[tuple[str, str], int]
    emptied: list[str]
    failed: dict[str, str]


def deliver(lakes: Mapping[str, TenantLake], agreed: Sequence[str], least: int) -> Delivery:
    """Compute every fleet table anew; a tenant that cannot be read does not count, and is in nobody's way.

    Args:
        lakes: every tenant's, by slug.
        agreed: slugs of those whose consent is on record.
        least: tenants that a row must rest upon.
    """
    done = Delivery([], {}, {}, [], {})
    parts = _parts(lakes, agreed, done)
    for spec, figure in _FIGURES.items():
        rows = _conformed(spec, figure.over(parts[spec], least) if parts[spec] else empty(spec))
        done.rows[spec.full_name] = rows.height
        for slug, lake in lakes.items():
            _put(done, slug, lake, spec, rows if slug in done.contributors else empty(spec))
    done.emptied = [slug for slug in dict.fromkeys(done.emptied) if slug not in agreed]
    return done


def _parts(
    lakes: Mapping[str, TenantLake], agreed: Sequence[str], done: Delivery
) -> dict[TableSpec, list[pl.DataFrame]]:
    parts: dict[TableSpec, list[pl.DataFrame]] = {spec: [] for spec in _FIGURES}
    for slug in agreed:
        try:
            own = {spec: figure.part(lakes[slug].scan(figure.source)) for spec, figure in _FIGURES.items()}
        except (GoldlayerError, pl.exceptions.PolarsError, OSError) as error:
            done.failed[slug] = str(error)
            continue
        done.contributors.append(slug)
        for spec, part in own.items():
            parts[spec].append(part)
    return parts


def _put(done: Delivery, slug: str, lake: TenantLake, spec: TableSpec, rows: pl.DataFrame) -> None:
    try:
        if lake.version(spec) is None and rows.is_empty():
            return
        had = lake.count(spec)
        done.versions[slug, spec.full_name] = replace_and_forget(lake, spec, rows.to_arrow())
    except GoldlayerError as error:
        done.failed[slug] = str(error)
        return
    if had and rows.is_empty():
        done.emptied.append(slug)


def _conformed(spec: TableSpec, rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(spec.schema.names)
