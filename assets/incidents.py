"""What happened to machines and is worth keeping: fault episodes, and days on which a machine was unlike itself.

Pure but for `read`: the fault memory and the training pairs are two ways of writing the same incidents down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any

import polars as pl

from lake.store import TenantLake
from lake.tables import table

EPISODES = table("silver.fault_episodes")
HEALTH = table("gold.health_daily")
DEVIATIONS = table("gold.deviation_daily")

UNLIKE_ITSELF = 0.5
"""Anomaly score from which a day is a finding: six spreads from the machine's own baseline."""
_MACHINE = ["site", "equipment_id"]
_LONGEST = timedelta(days=14)
"""Days of a long fault whose deviations are looked at, from its raising."""
_STRONGEST = 4


class Kind(StrEnum):
    """What an incident was read from."""

    FAULT = "fault_episode"
    FINDING = "health_finding"


@dataclass(frozen=True, slots=True)
class Deviation:
    """How far one signal was from the machine's own baseline on its strongest day; `mean`, `baseline` in `unit`."""

    signal: str
    unit: str
    mean: float
    baseline: float
    spreads: float
    day: date


@dataclass(frozen=True, slots=True)
class Incident:
    """One fault episode, or the strangest day of a machine's month.

    Attributes:
        id: the same for the same incident in every run.
        happened_at: raising of the fault, or start of the UTC day.
        deviations: strongest first; of a fault, within its days.
        code: fault code; None for a finding, as are level and message.
        duration_s: None while the fault stands, and for a finding.
        score: anomaly score of a finding.
        occurrence: which time this code came on this machine, from 1; 1 for a finding.
        source: lake table it was read from.
        keys: its key there.
        version: version of that table.
    """

    id: str
    kind: Kind
    site: str
    equipment_id: str
    equipment_type: str
    happened_at: datetime
    deviations: tuple[Deviation, ...]
    source: str
    keys: Mapping[str, str]
    version: int
    code: str | None = None
    level: str | None = None
    message: str | None = None
    duration_s: float | None = None
    score: float | None = None
    occurrence: int = 1


def read(lake: TenantLake) -> list[Incident]:
    """Every incident of a tenant, newest first."""
    versions = {spec.full_name: lake.version(spec) for spec in (EPISODES, HEALTH, DEVIATIONS)}
    episodes, health, deviations = (
        lake.scan(spec, version=versions[spec.full_name]) for spec in (EPISODES, HEALTH, DEVIATIONS)
    )
    return incidents(
        episodes.collect(),
        health.filter(pl.col("anomaly_score") >= UNLIKE_ITSELF).collect(),
        deviations,
        {name: -1 if version is None else version for name, version in versions.items()},
    )


def incidents(
    episodes: pl.DataFrame, health: pl.DataFrame, deviations: pl.LazyFrame, versions: Mapping[str, int]
) -> list[Incident]:
    """Fault episodes, and the strangest day of each machine and month that no fault explains; newest first."""
    order = ["raised_at", "episode_id"]
    numbered = episodes.sort(order).with_columns(
        occurrence=pl.int_range(1, pl.len() + 1).over([*_MACHINE, "fault_code"]), id=pl.col("episode_id")
    )
    spans = _days_of(numbered)
    strangest = _strangest(health, spans)
    moved = _strongest(deviations, pl.concat([spans, strangest.select("id", *_MACHINE, "date")]))
    found = [_fault(row, moved, versions[EPISODES.full_name]) for row in numbered.iter_rows(named=True)]
    found += [_finding(row, moved, versions[HEALTH.full_name]) for row in strangest.iter_rows(named=True)]
    return sorted(found, key=lambda one: (one.happened_at, one.id), reverse=True)


def _days_of(episodes: pl.DataFrame) -> pl.DataFrame:
    """Days on which each fault stood: id, machine, date."""
    last = pl.col("cleared_at").fill_null(pl.col("raised_at")).dt.date()
    bounded = pl.min_horizontal(last, pl.col("date") + _LONGEST)
    return (
        episodes.with_columns(date=pl.date_ranges("date", pl.max_horizontal(bounded, "date")))
        .explode("date")
        .select("id", *_MACHINE, "date")
    )


def _strangest(health: pl.DataFrame, faulted: pl.DataFrame) -> pl.DataFrame:
    """Of each machine and month the day with the highest score, without days on which a fault stood."""
    return (
        health.join(faulted, on=[*_MACHINE, "date"], how="anti")
        .with_columns(
            month=pl.col("date").dt.truncate("1mo"),
            id=pl.concat_str(*_MACHINE, pl.col("date").cast(pl.String), separator="/"),
        )
        .sort("anomaly_score", "date", descending=[True, False])
        .unique([*_MACHINE, "month"], keep="first", maintain_order=True)
    )


def _strongest(deviations: pl.LazyFrame, spans: pl.DataFrame) -> dict[str, tuple[Deviation, ...]]:
    """Of each incident the signals furthest from their baseline, each on its strongest day."""
    days = spans["date"].unique().to_list()
    rows = (
        deviations.filter(pl.col("date").is_in(days))
        .collect()
        .join(spans, on=[*_MACHINE, "date"])
        .with_columns(size=pl.col("deviation").abs())
        .sort("size", "signal", "date", descending=[True, False, False])
        .unique(["id", "signal"], keep="first", maintain_order=True)
    )
    found: dict[str, tuple[Deviation, ...]] = {}
    for row in rows.iter_rows(named=True):
        known = found.get(row["id"], ())
        if len(known) < _STRONGEST:
            found[row["id"]] = (*known, _deviation(row))
    return found


def _deviation(row: Mapping[str, Any]) -> Deviation:
    return Deviation(row["signal"], row["unit"], row["mean"], row["baseline"], row["deviation"], row["date"])


def _fault(row: Mapping[str, Any], moved: Mapping[str, tuple[Deviation, ...]], version: int) -> Incident:
    return Incident(
        id=row["id"],
        kind=Kind.FAULT,
        site=row["site"],
        equipment_id=row["equipment_id"],
        equipment_type=row["equipment_type"],
        happened_at=row["raised_at"],
        deviations=moved.get(row["id"], ()),
        source=EPISODES.full_name,
        keys={"episode_id": row["episode_id"]},
        version=version,
        code=row["fault_code"],
        level=row["level"],
        message=row["message"],
        duration_s=row["duration_s"],
        occurrence=row["occurrence"],
    )


def _finding(row: Mapping[str, Any], moved: Mapping[str, tuple[Deviation, ...]], version: int) -> Incident:
    return Incident(
        id=row["id"],
        kind=Kind.FINDING,
        site=row["site"],
        equipment_id=row["equipment_id"],
        equipment_type=row["equipment_type"],
        happened_at=datetime.combine(row["date"], time(), UTC),
        deviations=moved.get(row["id"], ()),
        source=HEALTH.full_name,
        keys={"site": row["site"], "equipment_id": row["equipment_id"], "date": row["date"].isoformat()},
        version=version,
        score=row["anomaly_score"],
    )
