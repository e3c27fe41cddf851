"""Ops: what the platform knows about its own data: the reconciled books, and every check's results."""

from __future__ import annotations

import pyarrow as pa

from core.contracts.reading import COUNT_COLUMNS
from lake.spec import TIME, Column, Layer, TableSpec

_TEXT = pa.string()
_COUNT = pa.int64()

BOOKS = TableSpec(
    layer=Layer.OPS,
    name="books",
    description=(
        "The bridges' counts beside what scanning the lake finds. read = withheld + contracted; contracted = "
        "forwarded + suppressed + aggregated; sent = forwarded + windows + rules; sent = bronze + quarantined + "
        "in_flight; bronze = silver + superseded + rejected."
    ),
    grain="site, equipment, signal, hour",
    columns=(
        Column("site", _TEXT, "site counted", nullable=False),
        Column("equipment_id", _TEXT, "machine", nullable=False),
        Column("signal", _TEXT, "signal; `*` for withheld ones, `rule:<name>` for an edge rule", nullable=False),
        Column("hour", TIME, "hour of the rows' source time", nullable=False),
        *(Column(n, _COUNT, f"readings {n}, by the bridge", unit="1", nullable=False) for n in COUNT_COLUMNS),
        Column("sent", _COUNT, "forwarded + windows + rules", unit="1", nullable=False),
        Column("bronze", _COUNT, "rows in bronze", unit="1", nullable=False),
        Column("quarantined", _COUNT, "rows in bronze.quarantine", unit="1", nullable=False),
        Column("in_flight", _COUNT, "sent - bronze - quarantined", unit="1", nullable=False),
        Column("silver", _COUNT, "rows in silver", unit="1", nullable=False),
        Column("superseded", _COUNT, "rows of bronze that a later one replaced", unit="1", nullable=False),
        Column("rejected", _COUNT, "rows in silver.quarantine", unit="1", nullable=False),
        Column("date", pa.date32(), "UTC day of `hour`", nullable=False),
    ),
    keys=("site", "equipment_id", "signal", "hour"),
    owner="assets",
)
CHECK_RESULTS = TableSpec(
    layer=Layer.OPS,
    name="check_results",
    description="Every run of every check, appended; evidence cites the latest of each.",
    grain="one check in one run",
    columns=(
        Column("table", _TEXT, "layer and name of the table checked", nullable=False),
        Column("check", _TEXT, "name of the check", nullable=False),
        Column("status", _TEXT, "passed, warned or failed", nullable=False),
        Column("severity", _TEXT, "error blocks what comes after, warn does not", nullable=False),
        Column("observed", _TEXT, "what was found", nullable=False),
        Column("expected", _TEXT, "what would have been right", nullable=False),
        Column("day_first", pa.date32(), "first day checked", nullable=False),
        Column("day_last", pa.date32(), "last day checked", nullable=False),
        Column("run_id", _TEXT, "Dagster run", nullable=False),
        Column("at", TIME, "when it was checked", nullable=False),
        Column("date", pa.date32(), "UTC day of `at`", nullable=False),
    ),
    keys=("table", "check", "run_id"),
    owner="assets",
    retention_days=365,
)

TABLES: tuple[TableSpec, ...] = (BOOKS, CHECK_RESULTS)
