"""The fault memory converges on what the lake says, embeds only what changed, and is found by meaning."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from assets.databases import TenantDatabases
from assets.embeddings.memory import FINDINGS, Recall, bring_up_to_date, remember, vectors_fit
from assets.incidents import read
from core.embedding import MODEL, Embedder, embedder
from lake.store import Lake, TenantLake

ONE, TWO = "serving-one", "serving-two"


@dataclass
class Counting:
    """The real model, with a note of what it was given."""

    model: str = MODEL
    dimensions: int = 384
    given: list[str] = field(default_factory=list)

    def embed(self, texts: Sequence[str]) -> Any:
        self.given.extend(texts)
        return embedder().embed(texts)


@dataclass
class Memories:
    """The memory of one tenant beside its lake."""

    slug: str
    lake: TenantLake
    databases: TenantDatabases

    def update(self, model: Embedder | None = None) -> Recall:
        chosen = model or embedder()
        memories = remember(read(self.lake))
        return self.databases.work(
            self.slug, lambda database: bring_up_to_date(database, memories, chosen.model, lambda _: chosen)
        )

    def fetch(self, sql: str, *args: object) -> list[dict[str, Any]]:
        return self.databases.work(self.slug, lambda database: database.fetch(sql, *args))


@pytest.fixture
def tenants(databases: TenantDatabases, tmp_path: Path) -> Iterator[tuple[Memories, Memories]]:
    lake = Lake(str(tmp_path))
    both = Memories(ONE, lake.tenant(ONE), databases), Memories(TWO, lake.tenant(TWO), databases)
    for one in both:
        one.fetch("drop table if exists memory.fault_memory")
    yield both
    for one in both:
        one.fetch("drop table if exists memory.fault_memory")


def test_one_tenant_never_remembers_what_happened_to_the_other(
    tenants: tuple[Memories, Memories], plant: SimpleNamespace
) -> None:
    one, two = tenants
    plant.fill(one.lake, [plant.episode("a1")])
    plant.fill(two.lake, [plant.episode("b1"), plant.episode("b2", day=1)])
    assert (one.update().held, two.update().held) == (1, 2)
    plant.fill(one.lake, [])
    assert one.update() == Recall(held=0, embedded=0, forgotten=1)
    assert [row["id"] for row in two.fetch("select id from memory.fault_memory order by id")] == ["b1", "b2"]


def test_only_new_and_changed_texts_are_embedded(tenants: tuple[Memories, Memories], plant: SimpleNamespace) -> None:
    one, _ = tenants
    plant.fill(one.lake, [plant.episode("e1"), plant.episode("e2", day=1, hours=None)])
    assert one.update() == Recall(held=2, embedded=2, forgotten=0)
    model = Counting()
    assert one.update(model) == Recall(held=2, embedded=0, forgotten=0)
    assert model.given == []
    plant.fill(one.lake, [plant.episode("e1"), plant.episode("e2", day=1, hours=5.0)])
    assert one.update(model) == Recall(held=2, embedded=1, forgotten=0)
    assert ["lasted 5.0 h" in text for text in model.given] == [True]


def test_a_new_model_embeds_everything_anew(tenants: tuple[Memories, Memories], plant: SimpleNamespace) -> None:
    one, _ = tenants
    plant.fill(one.lake, [plant.episode("e1")])
    one.update()
    assert one.update(Counting(model="another")) == Recall(held=1, embedded=1, forgotten=0)
    assert one.fetch("select model from memory.fault_memory") == [{"model": "another"}]


def test_vectors_that_fit_nothing_fail_the_check(tenants: tuple[Memories, Memories], plant: SimpleNamespace) -> None:
    one, _ = tenants
    plant.fill(one.lake, [plant.episode("e1"), plant.episode("e2", day=1)])
    one.update()
    assert one.databases.work(ONE, lambda database: vectors_fit(database, MODEL)).status == "passed"
    one.fetch("update memory.fault_memory set embedding = $1 where id = 'e1'", np.ones(384, dtype=np.float32))
    outcome = one.databases.work(ONE, lambda database: vectors_fit(database, MODEL))
    assert (outcome.status, outcome.observed) == ("failed", "1 unfit vectors")
    assert one.databases.work(ONE, lambda database: vectors_fit(database, "another")).observed == "2 unfit vectors"


def test_the_nearest_in_meaning_is_found_through_the_index(
    tenants: tuple[Memories, Memories], plant: SimpleNamespace
) -> None:
    one, _ = tenants
    hot = plant.episode("hot", code="over_temp", message="Motor winding far too hot.")
    jam = plant.episode("jam", day=1, code="jam", message="Belt is jammed by a carton.")
    plant.fill(one.lake, [plant.episode("oil", day=2), hot, jam])
    one.update()
    asked = embedder().embed(["the drive is overheating"])[0]
    near = one.fetch("select id from memory.fault_memory order by embedding <=> $1 limit 1", asked)
    assert near == [{"id": "hot"}]
    indexes = one.fetch("select indexdef from pg_indexes where tablename = 'fault_memory'")
    assert any("USING hnsw (embedding vector_cosine_ops)" in row["indexdef"] for row in indexes)


def test_of_many_findings_the_strangest_are_remembered(tmp_path: Path, plant: SimpleNamespace) -> None:
    lake = Lake(str(tmp_path)).tenant(ONE)
    count = FINDINGS + 5
    plant.fill(lake, [], health=[plant.health(f"pump-{n}", 0, 0.6 + n / 1000) for n in range(count)])
    scores = [memory.incident.score for memory in remember(read(lake))]
    assert len(scores) == FINDINGS
    assert min(score or 0 for score in scores) == pytest.approx(0.6 + 5 / 1000)
