"""Sentences of columns, however their rows lie in memory."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from quality.sentences import sentence

AT = datetime(2026, 3, 1, 23, tzinfo=UTC)


def column(name: str, *chunks: list[object]) -> pl.Series:
    """A column in chunks of its own."""
    first, *others = (pl.Series(name, chunk) for chunk in chunks)
    for one in others:
        first.append(one)
    return first


def filtered() -> pl.DataFrame:
    """Rows of which a filter has left the first chunk of a column empty."""
    rows = pl.DataFrame(
        [
            column("signal", ["gone"], ["level", "flow"]),
            column("value", ["gone", "1.5"], ["2.5"]),
            column("ts", [AT, AT, AT]),
        ]
    )
    kept = rows.filter(pl.Series([False, True, True]))
    assert [len(chunk) for chunk in kept["signal"].get_chunks()] == [0, 2]
    return kept


def test_a_column_with_an_empty_chunk_makes_a_sentence():
    words = sentence("{} shows {} at {}", "signal", "value", pl.col("ts").dt.strftime("%H:%M"))
    assert filtered().select(words=words)["words"].to_list() == ["level shows 1.5 at 23:00", "flow shows 2.5 at 23:00"]


def test_it_says_what_polars_says_where_polars_can():
    rows = filtered().rechunk().with_columns(number=1.25, none=pl.lit(None, pl.String), yes=True)
    for words, parts in (
        ("{}", ["signal"]),
        ("{}: {}", ["signal", "number"]),
        ("on {} and {} too", [pl.col("ts").dt.date(), "yes"]),
        ("{} {}", ["signal", "none"]),
        ("{}{}", ["signal", pl.lit("!")]),
    ):
        told = rows.select(ours=sentence(words, *parts), theirs=pl.format(words, *parts))
        assert told["ours"].to_list() == told["theirs"].to_list()


@pytest.mark.parametrize("parts", [["signal"], ["signal", "value", "ts"]])
def test_as_many_parts_as_places(parts: list[str]):
    with pytest.raises(ValueError, match="zip"):
        sentence("{} shows {}", *parts)
