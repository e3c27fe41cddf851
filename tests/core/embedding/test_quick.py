"""The quick forward pass: shape, length, order and nearness of meaning."""

from __future__ import annotations

import numpy as np
import pytest

from core.embedding import embedder

TEXTS = [
    "air compressor: oil temperature far above its own baseline",
    "the compressor's oil ran much hotter than usual",
    "monthly invoice for office furniture",
]


def test_vectors_are_float32_of_length_one() -> None:
    vectors = embedder().embed(TEXTS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), embedder().dimensions)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-6)


def test_near_in_meaning_is_near_in_space() -> None:
    hot, also_hot, invoice = embedder().embed(TEXTS)
    assert hot @ also_hot > 0.6
    assert hot @ invoice < 0.3


def test_a_text_has_one_vector_whatever_stands_beside_it() -> None:
    alone = embedder().embed([TEXTS[0]])
    among = embedder().embed(["pump " * 400, TEXTS[0], ""])
    assert among[1] == pytest.approx(alone[0], abs=1e-6)


def test_a_long_text_is_cut_at_the_window() -> None:
    cut, longer = embedder().embed(["valve " * 300, "valve " * 900])
    assert cut == pytest.approx(longer, abs=1e-6)


def test_no_text_gives_no_vector() -> None:
    assert embedder().embed([]).shape == (0, embedder().dimensions)


def test_the_model_is_loaded_once() -> None:
    assert embedder() is embedder()
    assert embedder().model == "all-MiniLM-L6-v2"
