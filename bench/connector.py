"""The tenant data connector against bare asyncpg: the same SQL, the same pool and the same rows as dicts.

Both sides run on one PostgreSQL started for this benchmark (its own run folder, fsync as a tenant has it), in turn, so
that a noisy machine disturbs both alike. One measurement is a burst of calls.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg

from bench.claim import Claim, alternating
from core.audit import Actor
from core.connector import TenantDataConnector, connector_for
from core.run.folder import RunFolder
from core.run.postgres import Postgres
from core.settings import Settings
from core.tenancy import Tenancy, init_platform

_ACTOR = Actor.command("bench")
TARGET = 1.10
ROWS, INSERTED, DIMENSIONS, VECTORS = 20_000, 100, 384, 5_000
PAIRS, CALLS = 120, 4
_START = datetime(2026, 1, 1, tzinfo=UTC)
_TABLES = {
    "readings": {
        "columns": {
            "id": {"type": "integer", "primary_key": True},
            "machine": {"type": "string", "indexed": True},
            "value": {"type": "float"},
            "ts": {"type": "timestamp"},
        }
    },
    "arrivals": {"columns": {"machine": {"type": "string"}, "value": {"type": "float"}, "ts": {"type": "timestamp"}}},
    "memories": {
        "columns": {
            "id": {"type": "integer", "primary_key": True},
            "words": {"type": "string"},
            "embedding": {"type": "vector", "dimensions": DIMENSIONS},
        }
    },
}
Call = Callable[[], Awaitable[object]]


class Recorder:
    """Stands before the pool for one call to learn which SQL and values the connector sends."""

    def __init__(self, data: TenantDataConnector) -> None:
        self._data: Any = data
        self.sent: tuple[str, tuple[object, ...]] = ("", ())

    async def learn(self, call: Call) -> tuple[str, tuple[object, ...]]:
        """SQL and values of one call."""
        fetch = self._data._runner.fetch

        async def noted(sql: str, *args: object) -> list[dict[str, Any]]:
            self.sent = (sql, args)
            return await fetch(sql, *args)

        self._data._runner.fetch = noted
        try:
            await call()
        finally:
            del self._data._runner.fetch
        return self.sent


def _rows(first: int, count: int) -> list[dict[str, object]]:
    return [
        {"machine": f"machine-{n % 200:03d}", "value": n / 7, "ts": _START + timedelta(seconds=n)}
        for n in range(first, first + count)
    ]


async def _claims(tenancy: Tenancy) -> list[Claim]:
    scope = await tenancy.create("bench-co", "Bench", actor=_ACTOR)
    data = await connector_for(tenancy, scope, schema="bench")
    await data.provision_tables(_TABLES)
    await data.insert("readings", [{"id": n} | row for n, row in enumerate(_rows(0, ROWS))])
    noise = random.Random(5)
    vectors = [[noise.gauss(0, 1) for _ in range(DIMENSIONS)] for _ in range(VECTORS)]
    await data.insert("memories", [{"id": n, "words": f"memory {n}", "embedding": v} for n, v in enumerate(vectors)])
    await (await tenancy.database(scope)).execute("analyze")
    new = _rows(0, INSERTED)
    changed = [{"id": n} | row for n, row in enumerate(_rows(500, INSERTED))]
    # The same pool for both sides is the point.
    async with (await tenancy.database(scope))._source.use() as pool:  # pyright: ignore[reportPrivateUsage]
        return await _against(pool, data, new, changed, vectors)


async def _against(
    pool: asyncpg.Pool,
    data: TenantDataConnector,
    new: list[dict[str, Any]],
    changed: list[dict[str, Any]],
    vectors: list[list[float]],
) -> list[Claim]:
    calls: dict[str, Call] = {
        "query": lambda: data.query("readings", {"machine": "machine-007"}, order_by="ts desc", limit=100),
        "insert": lambda: data.insert("arrivals", new),
        "upsert": lambda: data.upsert("readings", changed, key=["id"]),
        "aggregate": lambda: data.aggregate(
            "readings", group_by=["machine"], metrics=["count(*)", "avg(value)"], filters={"value": {"lt": 500}}
        ),
        "vector search": lambda: data.vector_search("memories", vectors[17], top_k=10),
    }
    stored = {"insert": new, "upsert": changed}
    claims: list[Claim] = []
    for name, ours in calls.items():
        sql, values = await Recorder(data).learn(ours)
        claims.append(
            await alternating(
                f"connector {name}",
                ours,
                _bare(pool, sql, values, stored.get(name)),
                target=TARGET,
                pairs=PAIRS,
                calls=CALLS,
            )
        )
    return claims


def _bare(pool: asyncpg.Pool, sql: str, values: tuple[object, ...], rows: list[dict[str, object]] | None) -> Call:
    """What somebody without the connector writes: from rows as dicts to arrays, fetch, rows as dicts."""

    async def fetch() -> object:
        return [dict(row) for row in await pool.fetch(sql, *values)]

    async def store() -> object:
        arrays = [[row[name] for row in rows or ()] for name in (rows or [{}])[0]]
        return [dict(row) for row in await pool.fetch(sql, *arrays)]

    return store if rows else fetch


async def _run(folder: Path) -> list[Claim]:
    settings = Settings()
    run = RunFolder.open(folder / "run", settings)
    postgres = Postgres(run, settings)
    with postgres.running():
        await init_platform(run, postgres, settings)
        async with await Tenancy.open(run, postgres, settings) as tenancy:
            return await _claims(tenancy)


def claims() -> list[dict[str, object]]:
    """Medians in seconds a call, ours and bare."""
    folder = Path(tempfile.mkdtemp(prefix="goldlayer-bench-"))
    folder.chmod(0o711)
    print(
        f"connector: {PAIRS} pairs of {CALLS} calls; query 100 of {ROWS} rows, insert and upsert {INSERTED} rows a "
        f"call, vector search 10 of {VECTORS} x {DIMENSIONS}; both sides: same SQL, pool, durability, rows as dicts"
    )
    try:
        return [claim.as_dict() for claim in asyncio.run(_run(folder))]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
