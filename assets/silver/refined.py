"""Readings, events and the quarantine of silver, and the books over them: one reading of bronze, five tables."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
import polars as pl

from assets.build import Build
from assets.declared import table_spec
from assets.partitions import FIRST_DAY, TENANT_DAYS, WHOLE_RANGE, last_day
from assets.resources import LakeResource, TenantResource
from assets.retrying import retried_events
from assets.silver import books
from assets.silver.inspection import inspect
from assets.silver.judge import (
    Judged,
    beyond_contract,
    beyond_physics,
    doubt,
    judge_events,
    judge_readings,
    mark_late,
    quarantined,
)
from core.contracts.lanes import LaneKind
from lake.tables import bronze, ops, silver
from quality.asset_checks import check_specs
from quality.balance import books_balance, imbalances, rejected_share
from quality.expected import BEYOND_CONTRACT, BEYOND_PHYSICS
from quality.reference import REFERENCE_SPAN_DAYS, SIGNAL, first_days, measured, references

_BRONZE = (bronze.READINGS, bronze.EVENTS)
_WRITTEN = (silver.READINGS, silver.EVENTS, silver.QUARANTINE, ops.SIGNAL_REFERENCE)
_SPECS = [table_spec(spec, _BRONZE) for spec in _WRITTEN]
_BOOKS = table_spec(ops.BOOKS, (*_BRONZE, bronze.BRIDGE_COUNTS, bronze.QUARANTINE, bronze.READMISSIONS, *_WRITTEN[:3]))


@dg.multi_asset(
    specs=[*_SPECS, _BOOKS],
    check_specs=[check for spec in (*_WRITTEN, ops.BOOKS) for check in check_specs(spec)],
    partitions_def=TENANT_DAYS,
    backfill_policy=WHOLE_RANGE,
)
@retried_events
def refined(
    context: dg.AssetExecutionContext, lake: LakeResource, tenants: TenantResource
) -> Iterator[dg.MaterializeResult[Any]]:
    """Silver and the books, from one version of bronze.

    Grain: see each table. Source: bronze of the days. Consumers: every table of silver and gold.
    """
    build = Build(context, lake, tenants)
    versions = {spec: build.lake.version(spec) for spec in _BRONZE}
    raw_readings, raw_events = (build.read(spec, version=versions[spec]) for spec in _BRONZE)
    judged, events = judge_readings(raw_readings, build.catalogue), judge_events(raw_events, build.catalogue)
    reference, first = _references(build, judged)
    readings, doubted = doubt(judged, reference, first)
    rejected = _with_lateness(build, quarantined(readings, events))
    beyond = {BEYOND_CONTRACT: beyond_contract(), BEYOND_PHYSICS: beyond_physics()}
    kept = _with_lateness(build, readings.kept).with_columns(**beyond)
    found = inspect(raw_readings, readings, doubted, reference, build.catalogue)
    yield build.replace(silver.READINGS, kept, others=found, superseded=readings.superseded.height)
    yield build.replace(silver.EVENTS, events.kept, superseded=events.superseded.height)
    share = rejected_share(rejected.height, raw_readings.height + raw_events.height)
    yield build.replace(silver.QUARANTINE, rejected, others=[share])
    complete = reference.filter(pl.col("date").is_in(list(build.days)))
    yield build.replace(ops.SIGNAL_REFERENCE, complete)
    yield _reconciled(build, raw_readings, raw_events, readings, events)


def _references(build: Build, judged: Judged) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Frozen references with those that this window completes, and the first days of signals it finds without one.

    A reference grows of what is believed beside the first day alone: what was wrong in its days never gets into it.
    """
    frozen = build.lake.scan(ops.SIGNAL_REFERENCE).collect()
    columns = [*SIGNAL, "equipment_type", "ts", "value", "quality", "unit", "role", "date"]
    settled = frozen.filter(pl.col("date") < build.window.first)
    growing = measured(judged.kept.select(columns)).join(settled, on=SIGNAL, how="anti")
    if growing.is_empty():
        return frozen, first_days(growing)
    past = _before(build, growing.select(SIGNAL).unique(), columns)
    first = first_days(pl.concat([past, growing]))
    believed, _ = doubt(judged, frozen, first)
    news = pl.concat([past, measured(believed.kept.select(columns))]).join(frozen, on=SIGNAL, how="anti")
    new = references(news, build.days)
    return pl.concat([frozen, new.select(frozen.columns).cast(frozen.schema)]), first


def _before(build: Build, signals: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    """What silver holds of some signals before the window, as far back as a reference may be growing."""
    return (
        build.scan(silver.READINGS, REFERENCE_SPAN_DAYS)
        .filter(pl.col("date") < build.window.first)
        .join(signals.lazy(), on=SIGNAL, how="semi")
        .select(columns)
        .collect()
    )


def _with_lateness(build: Build, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with `late`, held against silver as it stood before this build."""
    columns = ["site", "equipment_id", "signal", "ts", "received_at", "late", "date"]
    before = [build.scan(spec).select(columns) for spec in (silver.READINGS, silver.QUARANTINE)]
    known = pl.concat(before).collect()
    unknown = set(rows["date"].unique()) - set(known["date"].unique())
    return mark_late(rows, known, build.built_before(silver.READINGS, unknown))


def _apart(build: Build, last: date) -> pl.DataFrame:
    """What of the window's source time is still in quarantine."""
    day = pl.coalesce("ts", "received_at").dt.date()
    rows = (
        build.lake.scan(bronze.QUARANTINE)
        .filter(books.booked_on(day, last).is_in(list(build.days)))
        .select("lane", "seq", "row_no", "site", "equipment_id", "signal", "ts", "received_at", "rows")
    )
    return books.still_apart(rows.collect(), build.lake.scan(bronze.READMISSIONS).collect())


def _bridge_counts(build: Build, last: date) -> pl.DataFrame:
    """The bridges' increments of the window; on the first day also those about times that have no day."""
    counts = build.read(bronze.BRIDGE_COUNTS)
    if FIRST_DAY not in build.days:
        return counts
    elsewhere = build.lake.scan(bronze.BRIDGE_COUNTS).filter(~pl.col("date").is_between(FIRST_DAY, last))
    return pl.concat([counts, elsewhere.collect()])


def _reconciled(
    build: Build, raw_readings: pl.DataFrame, raw_events: pl.DataFrame, readings: Judged, events: Judged
) -> dg.MaterializeResult[Any]:
    """The books of the window: bronze as it was read, silver as it now stands in the lake."""
    machines = build.catalogue.select("site", "equipment_id", "equipment_type").unique()

    def of_events(rows: pl.DataFrame, name: str) -> pl.DataFrame:
        return books.event_counts(rows, build.rules, machines, name)

    rejected = build.read(silver.QUARANTINE)
    is_event = pl.col("kind") == "event"
    last = last_day()
    apart = _apart(build, last)
    unspoken = books.on_their_header(apart)
    readable = apart.filter(pl.col("row_no").is_not_null())
    lines = books.books(
        [books.bridge_sums(_bridge_counts(build, last), build.rules), unspoken],
        {
            "bronze": [books.reading_counts(raw_readings, "bronze"), of_events(raw_events, "bronze")],
            "quarantined": [
                books.reading_counts(readable.filter(pl.col("kind") == LaneKind.READINGS.value), "quarantined"),
                of_events(
                    readable.filter(pl.col("kind") == LaneKind.FAULTS.value).rename({"signal": "fault_code"}),
                    "quarantined",
                ),
            ],
            "silver": [
                books.reading_counts(build.read(silver.READINGS), "silver"),
                of_events(build.read(silver.EVENTS), "silver"),
            ],
            "superseded": [
                books.reading_counts(readings.superseded, "superseded"),
                of_events(events.superseded, "superseded"),
            ],
            "rejected": [
                books.reading_counts(rejected.filter(~is_event), "rejected"),
                of_events(rejected.filter(is_event).rename({"signal": "fault_code"}), "rejected"),
            ],
        },
        last,
    )
    outcomes = books_balance(lines.height, imbalances(lines), int(lines["in_flight"].clip(0).sum()))
    return build.replace(ops.BOOKS, lines, others=outcomes, in_flight=int(lines["in_flight"].sum()))
