"""Running expectations on a batch with Great Expectations; a large one is counted by Polars, under the same suite.

The import costs seconds, so it happens at the first batch of a process, or at `load`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

import polars as pl

from quality.expected import Expected
from quality.outcome import Outcome
from quality.pushdown import Tally, failing_days, tested

LIBRARY_ROWS = 10_000
"""Rows up to which the library is asked: it takes seconds and kilobytes a row beyond; see `quality.pushdown`."""


def validate(frame: pl.DataFrame, expected: Sequence[Expected]) -> list[Outcome]:
    """Outcomes in the order of `expected`.

    Args:
        frame: the batch, with the columns that the expectations name.
        expected: what must hold; see `quality.expected.expectations`.
    """
    if not expected:
        return []
    if frame.is_empty():
        return [_of_no_rows(one) for one in expected]
    if frame.height > LIBRARY_ROWS:
        tally = Tally(expected)
        tally.add(frame)
        return tally.outcomes()
    columns = sorted({column for one in expected for column in _needed(one)})
    batch = _engine().get_batch({"dataframe": frame.select(columns or frame.columns[:1]).to_pandas()})
    # To tell what broke an expectation takes the library a third longer, and nearly all of them hold.
    holds = {name for name, result in _results(batch, expected, "BOOLEAN_ONLY").items() if result.success}
    broken = [one for one in expected if one.name not in holds]
    told = _results(batch, broken, "BASIC") if broken else {}
    return [_passed(one, frame) if one.name in holds else _outcome(one, told[one.name], frame) for one in expected]


def _needed(one: Expected) -> tuple[str, ...]:
    return (*one.columns, one.where[0]) if one.where else one.columns


def _of_no_rows(one: Expected) -> Outcome:
    """What Great Expectations would say of an empty batch, without asking it: most tables of a small site are empty."""
    if one.kind == "rows":
        return Outcome(one.name, (one.minimum or 0) <= 0, one.severity, "0 rows", one.in_words())
    return Outcome(one.name, True, one.severity, "0 of 0 rows break it", one.in_words())


def load() -> None:
    """Import the library now, for a process that has the time before its first batch comes."""
    _engine()


class _OnFirstUse(ModuleType):
    """Stands for a module until something of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        _remove(self)
        return getattr(import_module(self.__name__), name)


def _remove(stand_in: _OnFirstUse) -> None:
    if sys.modules.get(stand_in.__name__) is stand_in:
        del sys.modules[stand_in.__name__]


def _import_library() -> None:
    """Import it without what it imports for expectations that are not used here: a third of its time."""
    stand_ins = [_OnFirstUse(name) for name in ("altair", "scipy.stats") if name not in sys.modules]
    sys.modules.update({one.__name__: one for one in stand_ins})
    try:
        import_module("great_expectations")
    finally:
        for one in stand_ins:
            _remove(one)


@cache
def _once(name: str) -> Any:
    """An expectation of the library's that puts its configuration together once: it asks itself some eighty times."""
    base: Any = getattr(import_module("great_expectations.expectations"), name)
    private: Any = import_module("great_expectations.compatibility.pydantic").PrivateAttr

    def configuration(self: Any) -> Any:
        if self._configuration is None:
            self._configuration = base.configuration.fget(self)
        return self._configuration

    members = {"_configuration": private(None), "configuration": property(configuration)}
    return type(f"{name}Once", (base,), {**members, "__module__": __name__})


@cache
def _engine() -> Any:
    _import_library()
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    return (
        context.data_sources.add_pandas("lake")
        .add_dataframe_asset("table")
        .add_batch_definition_whole_dataframe("window")
    )


def _results(batch: Any, expected: Sequence[Expected], result_format: str) -> dict[str, Any]:
    """What the library says, by the name of the check."""
    import great_expectations as gx

    suite = gx.ExpectationSuite(name="table", expectations=[_expectation(one) for one in expected])
    results = batch.validate(suite, result_format=result_format).results
    return {result.expectation_config.meta["check"]: result for result in results}


def _expectation(one: Expected) -> Any:
    meta = {"check": one.name}
    match one.kind:
        case "not_null":
            return _once("ExpectColumnValuesToNotBeNull")(column=one.columns[0], meta=meta)
        case "unique" if len(one.columns) == 1:
            return _once("ExpectColumnValuesToBeUnique")(column=one.columns[0], meta=meta)
        case "unique":
            return _once("ExpectCompoundColumnsToBeUnique")(column_list=list(one.columns), meta=meta)
        case "in_set":
            return _once("ExpectColumnValuesToBeInSet")(column=one.columns[0], value_set=list(one.values), meta=meta)
        case "between":
            return _once("ExpectColumnValuesToBeBetween")(
                column=one.columns[0],
                min_value=one.minimum,
                max_value=one.maximum,
                row_condition=_condition(one),
                condition_parser="pandas" if one.where else None,
                meta=meta,
            )
        case "ordered":
            return _once("ExpectColumnPairValuesAToBeGreaterThanB")(
                column_A=one.columns[1],
                column_B=one.columns[0],
                or_equal=True,
                ignore_row_if="either_value_is_missing",
                meta=meta,
            )
        case "rows":
            return _once("ExpectTableRowCountToBeBetween")(min_value=int(one.minimum or 0), meta=meta)


def _condition(one: Expected) -> str | None:
    return f"{one.where[0]}=={one.where[1]!r}" if one.where else None


def _passed(one: Expected, frame: pl.DataFrame) -> Outcome:
    of = f"{frame.height} rows" if one.kind == "rows" else f"0 of {tested(one, frame)} rows break it"
    return Outcome(one.name, True, one.severity, of, one.in_words())


def _outcome(one: Expected, result: Any, frame: pl.DataFrame) -> Outcome:
    facts = dict(result.result or {})
    days = frozenset[date]() if result.success else failing_days(frame, one)
    return Outcome(one.name, bool(result.success), one.severity, _observed(facts, result), one.in_words(), days=days)


def _observed(facts: dict[str, Any], result: Any) -> str:
    if "observed_value" in facts:
        return f"{facts['observed_value']} rows"
    if "unexpected_count" not in facts:
        return f"could not be tested: {str(result.exception_info)[:300]}"
    text = f"{facts['unexpected_count']} of {facts['element_count']} rows break it"
    examples = facts.get("partial_unexpected_list") or []
    return f"{text}, for example {examples[:3]}" if examples else text
