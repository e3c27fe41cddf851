"""Delimited files of other people: columns found by their names, whatever separates them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from core.errors import InputError

_SEPARATORS = ";,\t"
_LONGEST_HEADER = 65_536


def files(folder: Path, suffix: str = ".csv") -> Iterator[Path]:
    """Files below a folder whose names end so, in upper case or lower, in order."""
    for path in sorted(folder.rglob("*")):
        if path.name.lower().endswith(suffix) and path.is_file():
            yield path


def table(path: Path, wanted: str) -> pl.DataFrame | None:
    """Columns of words by their names in lower case, or None for a file without the column `wanted`.

    Args:
        path: the file; of one that is not meant nothing but the header is read.
        wanted: name of a column, in lower case.

    Raises:
        InputError: a file has the column and cannot be read.
    """
    with path.open("rb") as stream:
        header = stream.readline(_LONGEST_HEADER).decode("utf-8-sig", errors="replace")
    separator = next((one for one in _SEPARATORS if wanted in map(_name, header.split(one))), None)
    if separator is None:
        return None
    try:
        frame = pl.read_csv(path, separator=separator, infer_schema=False, encoding="utf8-lossy")
        return frame.rename(_name)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputError(
            "a file cannot be read", expected=f"csv with {separator!r}", received=_first_line(error), where=str(path)
        ) from error


def numbers(words: pl.Series) -> pl.Series:
    """Numbers of a column of words; null for what is none."""
    found = words.str.strip_chars().cast(pl.Float64, strict=False)
    return pl.select(pl.when(found.is_finite()).then(found)).to_series().alias(words.name)


def _name(header: str) -> str:
    return header.strip().strip('"').strip().lower()


def _first_line(error: Exception) -> str:
    return str(error).split("\n", 1)[0]
