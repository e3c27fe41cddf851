"""A plant in memory, and the proof that every number of a result is found again."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from core.embedding import embedder
from core.sdk import ToolContext, ToolResult
from core.sdk.sample import SamplePlant
from core.sdk.testing import FakeData, FakeLake, tool_context

PLANT = SamplePlant()


@pytest.fixture(scope="session")
def plant() -> SamplePlant:
    return PLANT


@pytest.fixture(scope="session")
def lake(plant: SamplePlant) -> FakeLake:
    return FakeLake(plant.tables())


@pytest.fixture
def context(lake: FakeLake, plant: SamplePlant) -> ToolContext:
    async def embed(texts: list[str]) -> list[list[float]]:
        return embedder().embed(texts).tolist()

    remembered = [
        ("seal leaks, water at the drain", f"pump-1/SEAL_LEAK/{plant.first + timedelta(days=5)}"),
        ("bearing too hot", f"pump-2/BEARING_HOT/{plant.first + timedelta(days=45)}"),
    ]
    vectors = embedder().embed([text for text, _ in remembered]).tolist()
    rows = [
        {"text": text, "episode_id": episode, "kind": "fault_episode", "embedding": vector}
        for (text, episode), vector in zip(remembered, vectors, strict=True)
    ]
    return tool_context(
        lake=lake, data=FakeData({"memory.fault_memory": rows}), embedder=embed, module_code="SCADA_MONITOR"
    )


@pytest.fixture
def assert_evidenced(lake: FakeLake) -> Callable[[ToolResult], None]:
    """Every number of the rows stands in what the evidence gives when it is run again."""

    def check(result: ToolResult) -> None:
        assert result.evidence
        again = [value for item in result.evidence for row in lake.rerun(item) for value in _numbers(row)]
        for row in result.rows:
            for value in _numbers(row):
                assert any(math.isclose(value, other, rel_tol=1e-9) for other in again), (value, row)

    return check


def _numbers(row: dict[str, Any]) -> list[float]:
    return [float(v) for v in row.values() if isinstance(v, int | float) and not isinstance(v, bool)]
