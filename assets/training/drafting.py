"""Drafts into the lake, their state of review into the tenant's database."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from assets.training.draft import Pair
from core.db import Database
from core.db.queries import load_queries
from lake.store import TenantLake
from lake.tables.training import PAIRS

_SQL = load_queries("assets.training")


def table_of(pairs: Sequence[Pair]) -> pl.DataFrame:
    """Rows of `training.pairs`, sorted by id."""
    empty = pl.from_arrow(PAIRS.schema.empty_table())
    assert isinstance(empty, pl.DataFrame)  # noqa: S101  a table becomes a frame; narrows the type
    return pl.DataFrame([pair.row() for pair in pairs], schema=empty.schema).sort("pair_id")


def keep(lake: TenantLake, drafts: pl.DataFrame) -> tuple[int, bool]:
    """Make the lake hold exactly these drafts; a draft that says the same keeps its row, and so its source version.

    Returns:
        The table's version, and whether it is new: an unchanged set writes none, so a version stands for a set.
    """
    version = lake.version(PAIRS)
    if version is None:
        return lake.replace_all(PAIRS, drafts.to_arrow()), True
    held = lake.scan(PAIRS, version=version).collect().sort("pair_id")
    same = ["pair_id", "content_sha256"]
    if held.select(same).equals(drafts.select(same)):
        return version, False
    kept = held.join(drafts, on=same, how="semi")
    merged = pl.concat([kept, drafts.join(held, on=same, how="anti")]).sort("pair_id")
    return lake.replace_all(PAIRS, merged.to_arrow()), True


async def propose(database: Database, drafts: pl.DataFrame) -> dict[str, int]:
    """Give every draft a state of review; what a person decided is never touched.

    Returns:
        Pairs in each state.
    """
    ids, contents = drafts["pair_id"].to_list(), drafts["content_sha256"].to_list()
    async with database.transaction() as transaction:
        await transaction.execute(_SQL["one_at_a_time"])
        await transaction.execute(_SQL["create_candidates"])
        await transaction.execute(_SQL["propose"], ids, contents)
        await transaction.execute(_SQL["withdraw"], ids)
        return {row["status"]: int(row["pairs"]) for row in await transaction.fetch(_SQL["states"])}
