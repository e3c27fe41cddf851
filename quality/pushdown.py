"""Expectations evaluated by Polars: the same suite, for batches too large for Great Expectations, part by part.

Each kind of expectation is a condition on rows; parts of a batch are counted one after the other and told as one. Nulls
break nothing but `not_null`, and not-a-number counts as null, as in the library.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import reduce

import polars as pl

from quality.expected import Expected
from quality.outcome import Outcome

_EXAMPLES = 3


@dataclass(slots=True)
class Tally:
    """What was found of one suite over the parts of a batch.

    No two parts may hold rows with one key: uniqueness is tested within a part.

    Attributes:
        expected: the suite.
        rows: rows seen.
    """

    expected: Sequence[Expected]
    rows: int = 0
    _of: dict[str, int] = field(default_factory=dict[str, int])
    _broken: dict[str, int] = field(default_factory=dict[str, int])
    _examples: dict[str, list[object]] = field(default_factory=dict[str, list[object]])
    _days: dict[str, set[date]] = field(default_factory=dict[str, set[date]])

    def add(self, part: pl.DataFrame) -> None:
        """Test a part."""
        self.rows += part.height
        conditions = [one for one in self.expected if one.kind not in ("rows", "unique")]
        found = part.select(
            pl.len().alias("rows"),
            *(_breaks(one, part).sum().alias(f"broken {one.name}") for one in conditions),
            *(_tested(one).sum().alias(f"of {one.name}") for one in conditions if one.where),
        ).to_dicts()[0]
        for one in conditions:
            self._count(one, part, int(found[f"broken {one.name}"] or 0), int(found.get(f"of {one.name}", part.height)))
        for one in self.expected:
            if one.kind == "unique":
                broken = 0 if _rises(part, one.columns) else int(part.select(_breaks(one, part).sum()).item())
                self._count(one, part, broken, part.height)

    def _count(self, one: Expected, part: pl.DataFrame, broken: int, of: int) -> None:
        self._broken[one.name] = self._broken.get(one.name, 0) + broken
        self._of[one.name] = self._of.get(one.name, 0) + of
        if broken:
            self._days.setdefault(one.name, set()).update(failing_days(part, one))
        shown = self._examples.setdefault(one.name, [])
        if broken and one.kind != "not_null" and len(shown) < _EXAMPLES:
            rows = part.filter(_breaks(one, part)).select(one.columns).head(_EXAMPLES - len(shown))
            shown += rows.to_series().to_list() if len(one.columns) == 1 else rows.to_dicts()

    def outcomes(self) -> list[Outcome]:
        """Outcomes in the order of the suite."""
        return [self._outcome(one) for one in self.expected]

    def _outcome(self, one: Expected) -> Outcome:
        if one.kind == "rows":
            return Outcome(one.name, self.rows >= (one.minimum or 0), one.severity, f"{self.rows} rows", one.in_words())
        broken = self._broken.get(one.name, 0)
        text = f"{broken} of {self._of.get(one.name, 0)} rows break it"
        examples = self._examples.get(one.name)
        return Outcome(
            one.name,
            not broken,
            one.severity,
            f"{text}, for example {examples}" if examples else text,
            one.in_words(),
            days=frozenset(self._days.get(one.name, ())),
        )


def failing_days(part: pl.DataFrame, one: Expected) -> frozenset[date]:
    """Days of the rows that break an expectation: a run covers many, and only those that broke it are to blame.

    Returns:
        None of them if it cannot be told by day: of a number of rows, or of a table without a column `date`.
    """
    if one.kind == "rows" or "date" not in part.columns:
        return frozenset()
    return frozenset(part.filter(_breaks(one, part))["date"].drop_nulls().unique())


def tested(one: Expected, part: pl.DataFrame) -> int:
    """Rows that an expectation looks at."""
    return int(part.select(_tested(one).sum()).item()) if one.where else part.height


def _breaks(one: Expected, part: pl.DataFrame) -> pl.Expr:
    """True for rows that break an expectation, never null."""
    columns = [_value(name, part) for name in one.columns]
    match one.kind:
        case "not_null":
            broken = columns[0].is_null()
        case "unique":
            any_set = reduce(lambda a, b: a | b, (column.is_not_null() for column in columns))
            broken = pl.struct(columns).is_duplicated() & any_set
        case "in_set":
            broken = ~columns[0].is_in(list(one.values))
        case "between":
            broken = (columns[0] < one.minimum) if one.minimum is not None else pl.lit(value=False)
            if one.maximum is not None:
                broken = broken | (columns[0] > one.maximum)
        case "ordered":
            broken = columns[0] > columns[1]
        case "rows":
            broken = pl.lit(value=False)
    return (broken & _tested(one)).fill_null(value=False)


def _tested(one: Expected) -> pl.Expr:
    return (pl.col(one.where[0]) == one.where[1]).fill_null(value=False) if one.where else pl.lit(value=True)


def _value(name: str, part: pl.DataFrame) -> pl.Expr:
    column = pl.col(name)
    return column.fill_nan(None) if part.schema[name].is_float() else column


def _rises(part: pl.DataFrame, columns: Sequence[str]) -> bool:
    """Whether each row's columns lie strictly above those of the row before: then no two are the same."""
    rises = pl.lit(value=False)
    for name in reversed(columns):
        now, before = pl.col(name), pl.col(name).shift(1)
        rises = (now > before) | ((now == before) & rises)
    return part.height < 2 or bool(part.select(rises.slice(1).all(ignore_nulls=False)).item())
