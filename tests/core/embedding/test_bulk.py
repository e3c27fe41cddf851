"""sentence-transformers is the reference: the quick forward pass must give its vectors, digit by digit."""

from __future__ import annotations

import pytest

from core.embedding import embedder

TEXTS = [
    "pump-1 stopped on 2020-03-09 for 41 minutes; flow fell to 0.2 l/min",
    "Überdruck am Ventil, 7 bar",
    "",
    "signal " * 400,
    *(f"engine-{number:03d}: remaining life {number * 3} cycles" for number in range(1, 40)),
]


@pytest.mark.long
def test_both_ways_of_running_the_model_agree_to_six_digits() -> None:
    quick, bulk = embedder(), embedder(bulk=True)
    assert (quick.model, quick.dimensions) == (bulk.model, bulk.dimensions)
    assert quick.embed(TEXTS) == pytest.approx(bulk.embed(TEXTS), abs=1e-6)
    assert bulk.embed([]).shape == (0, bulk.dimensions)
