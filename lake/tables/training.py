"""Training: what models may learn from. Drafts only: what an expert decided stands in the tenant's database."""

from __future__ import annotations

from lake.spec import TIME, Column, Layer, TableSpec
from lake.tables.columns import FLOAT, INT, TEXT, day

PAIRS = TableSpec(
    layer=Layer.TRAINING,
    name="pairs",
    description=(
        "Drafted training pairs: an observation of a machine with its evidence, and a drafted diagnosis that awaits an "
        "expert. Written from rules, never by a model; `training.candidates` in the tenant's database says which were "
        "reviewed, and how."
    ),
    grain="incident: one fault episode, or the strangest day of a machine and month",
    columns=(
        Column("pair_id", TEXT, "hash of source table and key: the same incident has the same pair", nullable=False),
        Column("site", TEXT, "site of the machine", nullable=False),
        Column("equipment_id", TEXT, "machine", nullable=False),
        Column("equipment_type", TEXT, "tag: type of the machine", nullable=False),
        Column("fault_category", TEXT, "tag: quantity that moved most, or `unexplained`", nullable=False),
        Column("department", TEXT, "tag: who should review it", nullable=False),
        Column("confidence", FLOAT, "tag: of the draft, grows with the evidence", unit="1", nullable=False),
        Column(
            "level_of_use",
            TEXT,
            "tag: internal stays with this tenant; anything wider is a reviewer's decision",
            nullable=False,
        ),
        Column("happened_at", TIME, "when it happened, source clock", nullable=False),
        Column("question", TEXT, "what was observed, and what is asked", nullable=False),
        Column("reasoning", TEXT, "drafted chain of thought, one numbered step a line", nullable=False),
        Column("diagnosis", TEXT, "drafted conclusion", nullable=False),
        Column("drafted_by", TEXT, "method and version of the draft", nullable=False),
        Column("status", TEXT, "draft, always: reviews are kept apart", nullable=False),
        Column("source_table", TEXT, "lake table the incident was read from", nullable=False),
        Column("source_version", INT, "version of it at which this draft was written", nullable=False),
        Column("source_keys", TEXT, "key of the row there, JSON", nullable=False),
        Column("content_sha256", TEXT, "hash of question, reasoning, diagnosis and tags", nullable=False),
        day("`happened_at`"),
    ),
    keys=("pair_id",),
    owner="assets",
)

TABLES: tuple[TableSpec, ...] = (PAIRS,)
