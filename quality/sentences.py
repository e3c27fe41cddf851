"""Sentences made of columns. Pure."""

from __future__ import annotations

import polars as pl


def sentence(words: str, *parts: str | pl.Expr) -> pl.Expr:
    """Words with the values of columns in place of each `{}`; null where one of them is null.

    `pl.format` says the same, but in Polars 2.1 it panics where a filter has left a column with an empty chunk.

    Args:
        words: a brace pair for each part.
        parts: names of columns, or expressions.

    Raises:
        ValueError: there are more or fewer places than parts.
    """
    first, *between = words.split("{}")
    pieces = [pl.lit(first)]
    for part, after in zip(parts, between, strict=True):
        pieces += [pl.col(part) if isinstance(part, str) else part, pl.lit(after)]
    return pl.concat_str(pieces)
