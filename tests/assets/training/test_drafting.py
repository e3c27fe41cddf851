"""Drafts in the lake and their state of review: unchanged sets make no version, reviews are never touched."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from assets.databases import TenantDatabases
from assets.incidents import read
from assets.training.draft import draft
from assets.training.drafting import keep, propose, table_of
from lake.store import Lake, TenantLake
from lake.tables.training import PAIRS

ONE, TWO = "serving-one", "serving-two"


@pytest.fixture
def lake(tmp_path: Path) -> TenantLake:
    return Lake(str(tmp_path)).tenant(ONE)


@pytest.fixture
def reviews(databases: TenantDatabases) -> Iterator[TenantDatabases]:
    for slug in (ONE, TWO):
        databases.work(slug, lambda database: database.execute("drop table if exists training.candidates"))
    yield databases
    for slug in (ONE, TWO):
        databases.work(slug, lambda database: database.execute("drop table if exists training.candidates"))


def drafts_of(lake: TenantLake) -> pl.DataFrame:
    return table_of([draft(incident) for incident in read(lake)])


def candidates(databases: TenantDatabases, slug: str = ONE) -> list[dict[str, Any]]:
    return databases.work(slug, lambda database: database.fetch("select * from training.candidates order by pair_id"))


def test_an_unchanged_set_writes_no_version(lake: TenantLake, plant: SimpleNamespace) -> None:
    plant.fill(lake, [plant.episode("e1"), plant.episode("e2", day=1)])
    version, is_new = keep(lake, drafts_of(lake))
    plant.fill(lake, [plant.episode("e1"), plant.episode("e2", day=1)])
    assert (is_new, keep(lake, drafts_of(lake))) == (True, (version, False))


def test_a_changed_draft_replaces_its_row_and_the_others_keep_their_source_version(
    lake: TenantLake, plant: SimpleNamespace
) -> None:
    plant.fill(lake, [plant.episode("e1"), plant.episode("e2", day=1, hours=None)])
    first = drafts_of(lake)
    keep(lake, first)
    plant.fill(lake, [plant.episode("e1"), plant.episode("e2", day=1, hours=3.0)])
    version, is_new = keep(lake, drafts_of(lake))
    held = lake.scan(PAIRS, version=version).collect()
    assert is_new
    assert held.height == 2
    versions = dict(held.select("source_keys", "source_version").iter_rows())
    assert versions['{"episode_id": "e2"}'] > versions['{"episode_id": "e1"}'] == first["source_version"][0]


def test_what_a_person_decided_is_never_touched(
    lake: TenantLake, reviews: TenantDatabases, plant: SimpleNamespace
) -> None:
    plant.fill(lake, [plant.episode("e1", hours=None), plant.episode("e2", day=1)])
    drafts = drafts_of(lake)
    assert reviews.work(ONE, lambda database: propose(database, drafts)) == {"draft": 2}
    reviewed = drafts.filter(pl.col("source_keys").str.contains("e1"))["pair_id"][0]
    sql = "update training.candidates set status = 'corrected', reviewer = 'ann', correction = 'x' where pair_id = $1"
    reviews.work(ONE, lambda database: database.execute(sql, reviewed))
    before = [row for row in candidates(reviews) if row["pair_id"] == reviewed]
    plant.fill(lake, [plant.episode("e1", hours=4.0)])
    assert reviews.work(ONE, lambda database: propose(database, drafts_of(lake))) == {"corrected": 1}
    plant.fill(lake, [])
    assert reviews.work(ONE, lambda database: propose(database, drafts_of(lake))) == {"corrected": 1}
    assert candidates(reviews) == before


def test_a_changed_draft_stays_a_draft_under_its_new_hash(
    lake: TenantLake, reviews: TenantDatabases, plant: SimpleNamespace
) -> None:
    plant.fill(lake, [plant.episode("e1", hours=None)])
    reviews.work(ONE, lambda database: propose(database, drafts_of(lake)))
    plant.fill(lake, [plant.episode("e1", hours=4.0)])
    changed = drafts_of(lake)
    reviews.work(ONE, lambda database: propose(database, changed))
    (row,) = candidates(reviews)
    assert (row["status"], row["reviewer"], row["content_sha256"]) == ("draft", None, changed["content_sha256"][0])


def test_proposing_for_one_tenant_leaves_the_other_as_it_was(
    lake: TenantLake, reviews: TenantDatabases, plant: SimpleNamespace
) -> None:
    plant.fill(lake, [plant.episode("e1")])
    for slug in (ONE, TWO):
        reviews.work(slug, lambda database: propose(database, drafts_of(lake)))
    before = candidates(reviews, TWO)
    plant.fill(lake, [])
    assert reviews.work(ONE, lambda database: propose(database, drafts_of(lake))) == {}
    assert candidates(reviews, TWO) == before != []
