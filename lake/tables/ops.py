"""Ops: what the platform knows about its own data: the reconciled books, and every check's results."""

from __future__ import annotations

import pyarrow as pa

from core.contracts.reading import COUNT_COLUMNS
from lake.spec import TIME, Column, Layer, TableSpec
from lake.tables.columns import DATE, FLOAT, INT, MACHINE, SIGNAL, TEXT, UNIT, UNIT_IS, day

BOOKS = TableSpec(
    layer=Layer.OPS,
    name="books",
    description=(
        "The bridges' counts beside what scanning the lake finds. read = withheld + contracted; contracted = "
        "forwarded + suppressed + aggregated; sent = forwarded + windows + rules; sent = bronze - doubled + "
        "quarantined + in_flight + lost; bronze = silver + superseded + rejected. Of a rejected batch that nobody can "
        "read, and of a rejected gap, the header's count is what was sent; times that no day can hold stand on the "
        "first day."
    ),
    grain="site, equipment, signal, hour",
    columns=(
        Column("site", TEXT, "site counted", nullable=False),
        Column("equipment_id", TEXT, "machine; `*` where none can be told", nullable=False),
        Column(
            "signal",
            TEXT,
            "signal; `*` for withheld ones, `rule:<name>` for an edge rule, `lane:<lane>`",
            nullable=False,
        ),
        Column("hour", TIME, "hour of the rows' source time", nullable=False),
        *(Column(n, INT, f"readings {n}, by the bridge", unit="1", nullable=False) for n in COUNT_COLUMNS),
        Column("sent", INT, "forwarded + windows + rules", unit="1", nullable=False),
        Column("bronze", INT, "rows in bronze", unit="1", nullable=False),
        Column("quarantined", INT, "rows in bronze.quarantine, not let in since", unit="1", nullable=False),
        Column("in_flight", INT, "sent - bronze + doubled - quarantined - lost", unit="1", nullable=False),
        Column("silver", INT, "rows in silver", unit="1", nullable=False),
        Column("superseded", INT, "rows of bronze that a later one replaced", unit="1", nullable=False),
        Column("rejected", INT, "rows in silver.quarantine", unit="1", nullable=False),
        day("`hour`"),
        Column(
            "lost",
            INT,
            "sent and gone: later batches of their lane are here; null if reconciled by a version that did not tell",
            unit="1",
        ),
        Column(
            "doubled",
            INT,
            "rows of bronze that are there already, by batch and row; null if a version reconciled that did not tell",
            unit="1",
        ),
    ),
    keys=("site", "equipment_id", "signal", "hour"),
    owner="assets",
)
GAPS = TableSpec(
    layer=Layer.OPS,
    name="gaps",
    description=(
        "Time that was not as it should be, as it stands now. Nobody read: bridge_down, device_lost, missed_scan, "
        "outbox_full; what a late reading has filled is no gap any more. Nobody read, and the machine's clock was set "
        "back, so that it cannot say which of its times are missing: clock_set_back. Read and not known: bad_quality, "
        "signal by signal. Read and only late: link_down, after which nothing is missing. Times of clock_set_back and "
        "link_down are the bridge's clock's."
    ),
    grain="gap; of bad quality: signal, day and spell",
    columns=(
        Column("gap_id", TEXT, "identity of the gap", nullable=False),
        Column("site", TEXT, "site of the machine", nullable=False),
        Column("equipment_id", TEXT, "machine; `*` for all of the site", nullable=False),
        Column("signal", TEXT, "signal of a spell of bad quality; null for all of the machine"),
        Column(
            "ts",
            TIME,
            "source time of the last reading before, exclusive; when that came, if the machine's clock was set back; "
            "the first bad reading; when the link was lost",
            nullable=False,
        ),
        Column(
            "until",
            TIME,
            "source time of the first reading after, exclusive, or of the last bad one if none follows on its day; "
            "when the first after came, if the machine's clock was set back; when all that had waited for the link "
            "had arrived",
            nullable=False,
        ),
        Column(
            "reason",
            TEXT,
            "bridge_down, device_lost, missed_scan, outbox_full, clock_set_back, bad_quality or link_down",
            nullable=False,
        ),
        Column("duration_s", FLOAT, "from `ts` to `until`", unit="s", nullable=False),
        Column("readings", INT, "readings of bad quality; null for other reasons", unit="1"),
        day("`ts`"),
    ),
    keys=("gap_id",),
    owner="assets",
)
CHECK_RESULTS = TableSpec(
    layer=Layer.OPS,
    name="check_results",
    description="Every run of every check, appended; evidence cites the latest of each.",
    grain="one check in one run",
    columns=(
        Column("table", TEXT, "layer and name of the table checked", nullable=False),
        Column("check", TEXT, "name of the check", nullable=False),
        Column("status", TEXT, "passed, warned or failed", nullable=False),
        Column("severity", TEXT, "error blocks what comes after, warn does not", nullable=False),
        Column("observed", TEXT, "what was found", nullable=False),
        Column("expected", TEXT, "what would have been right", nullable=False),
        Column("day_first", pa.date32(), "first day checked", nullable=False),
        Column("day_last", pa.date32(), "last day checked", nullable=False),
        Column(
            "failed_days",
            pa.list_(pa.date32()),
            "days that broke it; null if it passed, or if it cannot be told by day and concerns every day checked",
        ),
        Column("run_id", TEXT, "Dagster run", nullable=False),
        Column("at", TIME, "when it was checked", nullable=False),
        Column("findings", pa.list_(TEXT), "day and words of each thing found; null where `observed` is all there is"),
        day("`at`"),
    ),
    keys=("table", "check", "run_id"),
    owner="assets",
    retention_days=365,
)
ACCEPTANCES = TableSpec(
    layer=Layer.OPS,
    name="acceptances",
    description=(
        "What blocking checks found and somebody accepted because it is right, an exchanged counter for one: it warns "
        "from the next build of its day. `platform lake accept` writes it."
    ),
    grain="one finding of one check on one day",
    columns=(
        Column("table", TEXT, "layer and name of the table checked", nullable=False),
        Column("check", TEXT, "name of the check", nullable=False),
        Column("finding", TEXT, "day and words of what was found, to the letter", nullable=False),
        Column("reason", TEXT, "why it is right", nullable=False),
        Column("accepted_by", TEXT, "who accepted it", nullable=False),
        Column("accepted_at", TIME, "when", nullable=False),
        day("the finding"),
    ),
    keys=("table", "check", "finding"),
    owner="quality",
)
SIGNAL_REFERENCE = TableSpec(
    layer=Layer.OPS,
    name="signal_reference",
    description=(
        "What each signal was like in its first seven days with data, at least 24 good samples: the window that drift, "
        "changed units and stuck sensors are told by. Frozen once it is complete."
    ),
    grain="site, equipment, signal",
    columns=(
        *MACHINE,
        SIGNAL,
        UNIT,
        Column("deciles", pa.list_(FLOAT), "lowest value, the nine deciles, highest value", UNIT_IS, nullable=False),
        Column("rate", FLOAT, "median of samples an hour; null if no day had twelve", unit="1/hour"),
        Column("distinct_least", FLOAT, "least share of different values on a day of twelve or more", unit="1"),
        Column("rows_least", INT, "fewest samples on a day", unit="1", nullable=False),
        Column("samples", INT, "good samples behind it", unit="1", nullable=False),
        Column("date", DATE, "UTC day on which it was complete", nullable=False),
    ),
    keys=("site", "equipment_id", "signal"),
    owner="assets",
)

TABLES: tuple[TableSpec, ...] = (BOOKS, GAPS, CHECK_RESULTS, ACCEPTANCES, SIGNAL_REFERENCE)
