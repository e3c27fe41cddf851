"""The figures of the summary, each taken from where it is kept: the bridges' books, Delta, the tenant databases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from bridge.books import BridgeBooks
from cli.demo.plants import PlantState
from cli.demo.summary import Checks, Drafts, Embeddings, Rows
from cli.demo.verdict import Verdict
from core.contracts.lanes import LaneKind
from core.db import Database
from core.db.queries import load_queries
from core.run.folder import RunFolder
from core.run.postgres import Postgres
from core.settings import Settings
from core.tenancy import Tenancy
from lake.opening import open_lake
from lake.spec import TableSpec
from lake.store import TenantLake
from lake.tables import bronze, ops, silver

_SQL = load_queries("cli.demo")

_COUNTED = ("read", "withheld", "contracted", "suppressed", "aggregated", "forwarded", "windows", "rules")
_ORIGIN = ["lane", "seq", "row_no"]
_SENT_ROWS = (bronze.READINGS, bronze.EVENTS)


@dataclass(frozen=True, slots=True)
class Streamed:
    """What left the plants and the bridges, summed over sites."""

    replayed: int
    books: Counter[str]


def streamed(bridges: Iterable[BridgeBooks], plants: Iterable[PlantState]) -> Streamed:
    """The bridges' own totals; read from their databases, never from what they sent."""
    books: Counter[str] = Counter()
    for bridge in bridges:
        books.update({term: getattr(bridge.totals, term) for term in _COUNTED})
        books.update({"sent": bridge.sent, "in_flight": bridge.unacknowledged_rows})
    return Streamed(sum(plant.readings_served for plant in plants), books)


def row_count(lakes: Iterable[TenantLake], *tables: TableSpec) -> int:
    """Rows of some tables over some tenants."""
    return sum(int(lake.scan(table).select(pl.len()).collect().item()) for lake in lakes for table in tables)


def quarantined_rows(lakes: Iterable[TenantLake]) -> int:
    """Readings and events in bronze quarantine: records singly, refused batches by the rows they claim."""
    sent = ~pl.col("lane").str.contains(f"/{LaneKind.STATUS}-", literal=True)
    return sum(
        int(lake.scan(bronze.QUARANTINE).filter(sent).select(pl.col("rows").sum()).collect().item()) for lake in lakes
    )


def reasons(lakes: Iterable[TenantLake], table: TableSpec) -> list[tuple[str, int]]:
    """Why rows of a quarantine are there, and how many; the most frequent first."""
    found: Counter[str] = Counter()
    for lake in lakes:
        weight = pl.col("rows").sum() if "rows" in table.schema.names else pl.len()
        for reason, rows in lake.scan(table).group_by("reason").agg(weight).collect().iter_rows():
            found[reason] += rows
    return found.most_common()


def doubled_rows(lakes: Iterable[TenantLake]) -> int:
    """Rows of bronze beyond the first of their (lane, seq, row number)."""
    keys = list(bronze.READINGS.keys)
    return sum(
        int(lake.scan(table).select(pl.len() - pl.struct(keys).n_unique()).collect().item())
        for lake in lakes
        for table in _SENT_ROWS
    )


def readings(streamed: Streamed, lakes: list[TenantLake], verdict: Verdict) -> dict[str, int | None]:
    """All terms of the books, once the log is drained: what a bridge still keeps is all that is in flight.

    Args:
        streamed: the bridges' side.
        lakes: one lake a tenant.
        verdict: the independent proof's.
    """
    built = any(lake.version(silver.READINGS) is not None for lake in lakes)
    silver_tables = (silver.READINGS, silver.EVENTS)
    bronze_rows = row_count(lakes, *_SENT_ROWS)
    silver_rows = row_count(lakes, *silver_tables) if built else None
    rejected = row_count(lakes, silver.QUARANTINE) if built else None
    return {
        "replayed": streamed.replayed,
        **{term: streamed.books[term] for term in (*_COUNTED, "sent", "in_flight")},
        "bronze": bronze_rows,
        "silver": silver_rows,
        "rejected": rejected,
        "superseded": superseded_rows(lakes) if built else None,
        "quarantined": quarantined_rows(lakes),
        "gap_readings": verdict.in_gaps,
        "lost": verdict.lost,
        "duplicated": max(verdict.duplicated, doubled_rows(lakes)),
    }


def superseded_rows(lakes: Iterable[TenantLake]) -> int:
    """Rows of bronze that silver accepts, but for the last of each identity; counted from bronze itself."""
    identities = ((bronze.READINGS, ["site", "equipment_id", "signal", "ts"]), (bronze.EVENTS, ["event_id"]))
    return sum(_superseded(lake, table, keys) for lake in lakes for table, keys in identities)


def _superseded(lake: TenantLake, table: TableSpec, identity: list[str]) -> int:
    rejected = lake.scan(silver.QUARANTINE).select(_ORIGIN)
    accepted = lake.scan(table).join(rejected, on=_ORIGIN, how="anti")
    return int(accepted.select(pl.len() - pl.struct(identity).n_unique()).collect().item())


@dataclass(frozen=True, slots=True)
class Built:
    """What was built on bronze."""

    checks: Checks | None
    kpis: Rows
    embeddings: Embeddings
    training_pairs: Drafts


async def built(run: RunFolder, settings: Settings, postgres: Postgres, tenants: Sequence[str]) -> Built:
    """Counts of what was built on bronze: checks, published figures, vectors and drafted pairs, over all tenants."""
    lake = open_lake(run, settings)
    statuses = Counter(status for slug in tenants for status in _latest_statuses(lake.tenant(slug)))
    counts: Counter[str] = Counter()
    async with await Tenancy.open(run, postgres, settings) as tenancy:
        for slug in tenants:
            counts += await _tenant_counts(await tenancy.database(await tenancy.get(slug)))
            counts["dimensions"] = max(counts["dimensions"], counts.pop("vector_length", 0))
    return Built(
        Checks(passed=statuses["passed"], warned=statuses["warned"], failed=statuses["failed"]) if statuses else None,
        Rows(rows=counts["kpis"]),
        Embeddings(rows=counts["vectors"], dimensions=counts["dimensions"]),
        Drafts(drafted=counts["drafts"]),
    )


def _latest_statuses(lake: TenantLake) -> list[str]:
    results = lake.scan(ops.CHECK_RESULTS).sort("at").group_by("table", "check").agg(pl.col("status").last())
    return results.collect()["status"].to_list()


async def _tenant_counts(database: Database) -> Counter[str]:
    found: Counter[str] = Counter()
    if await database.fetchval(_SQL["is_there"], "kpi.kpi_daily"):
        found["kpis"] = await database.fetchval(_SQL["kpi_rows"])
    if await database.fetchval(_SQL["is_there"], "memory.fault_memory"):
        row = await database.fetchrow(_SQL["vectors"])
        found.update({"vectors": row["rows"], "vector_length": row["dimensions"]} if row else {})
    if await database.fetchval(_SQL["is_there"], "training.candidates"):
        found["drafts"] = await database.fetchval(_SQL["drafts"])
    return found
