"""Readings, events and the quarantine of silver, and the books over them: one reading of bronze, five tables."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import date
from itertools import chain
from typing import Any

import dagster as dg
import polars as pl

from assets.build import Build
from assets.declared import table_spec
from assets.partitions import FIRST_DAY, TENANT_DAYS, WHOLE_RANGE, last_day
from assets.resources import LakeResource, TenantResource
from assets.retrying import retried_events
from assets.silver import books, lost
from assets.silver.judge import Judged, judge_events, quarantined_events
from assets.silver.lost_rows import lost_rows
from assets.silver.readings import Refining, Standing
from core.contracts.lanes import LaneKind
from lake.tables import bronze, ops, silver
from quality.asset_checks import check_specs
from quality.balance import books_balance, rejected_share

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
    yield from refine(Build(context, lake, tenants))


def refine(build: Build) -> Iterator[dg.MaterializeResult[Any]]:
    """What the asset does: readings pass some machines at a time, so that no day has to fit into memory."""
    versions = {spec: build.lake.version(spec) for spec in _BRONZE}
    standing = Standing(build)
    raw_events = build.read(bronze.EVENTS, version=versions[bronze.EVENTS])
    events = judge_events(raw_events, build.catalogue)
    (rejected_events,) = standing.with_lateness(quarantined_events(events))
    with closing(Refining(build, versions[bronze.READINGS], standing)) as readings:
        yield build.replace_by_portions(
            silver.READINGS, readings.kept(), readings.outcomes, lambda: {"superseded": readings.superseded}
        )
        yield build.replace(silver.EVENTS, events.kept, superseded=events.superseded.height)
        yield _quarantine(build, readings, rejected_events, raw_events.height)
    complete = readings.references.filter(pl.col("date").is_in(list(build.days)))
    yield build.replace(ops.SIGNAL_REFERENCE, complete)
    yield _reconciled(build, readings.counts, raw_events, events, versions[bronze.READINGS])


def _quarantine(build: Build, readings: Refining, events: pl.DataFrame, events_read: int) -> dg.MaterializeResult[Any]:
    rejected = 0

    def portions() -> Iterator[pl.DataFrame]:
        nonlocal rejected
        for rows in chain(readings.rejected(), [events]):
            rejected += rows.height
            yield rows

    return build.replace_by_portions(
        silver.QUARANTINE, portions(), lambda: [rejected_share(rejected, readings.rows + events_read)]
    )


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
    build: Build,
    readings: Mapping[str, list[pl.DataFrame]],
    raw_events: pl.DataFrame,
    events: Judged,
    version: int | None,
) -> dg.MaterializeResult[Any]:
    """The books of the window: bronze as it was read, readings at a version, silver as it now stands in the lake."""
    machines = build.catalogue.select("site", "equipment_id", "equipment_type").unique()

    def of_events(rows: pl.DataFrame, name: str) -> pl.DataFrame:
        return books.event_counts(rows, build.rules, machines, name)

    rejected = build.scan(silver.QUARANTINE)
    is_event = pl.col("kind") == "event"
    last = last_day()
    apart = _apart(build, last)
    counts = _bridge_counts(build, last)
    unspoken = books.on_their_header(apart)
    readable = apart.filter(pl.col("row_no").is_not_null())
    lines = books.books(
        [books.bridge_sums(counts, build.rules), unspoken],
        {
            "bronze": [*readings["bronze"], of_events(raw_events, "bronze")],
            "doubled": [*readings["doubled"], of_events(books.doubled(raw_events), "doubled")],
            "quarantined": [
                books.reading_counts(readable.filter(pl.col("kind") == LaneKind.READINGS.value), "quarantined"),
                of_events(
                    readable.filter(pl.col("kind") == LaneKind.FAULTS.value).rename({"signal": "fault_code"}),
                    "quarantined",
                ),
            ],
            "silver": [
                books.reading_counts(build.scan(silver.READINGS), "silver"),
                of_events(build.read(silver.EVENTS), "silver"),
            ],
            "superseded": [
                *readings["superseded"],
                of_events(events.superseded, "superseded"),
            ],
            "rejected": [
                books.reading_counts(rejected.filter(~is_event), "rejected"),
                of_events(rejected.filter(is_event).rename({"signal": "fault_code"}).collect(), "rejected"),
            ],
        },
        last,
    )
    lines = lost.told_apart(lines, lost_rows(build.lake, lines, counts, version))
    return build.replace(ops.BOOKS, lines, others=books_balance(lines), in_flight=int(lines["in_flight"].sum()))
