"""Great Expectations behind its one door."""

from __future__ import annotations

import subprocess
import sys

import polars as pl
import pytest

from lake.tables import TABLES
from quality import validation
from quality.expected import Expected, Severity, expectations
from quality.validation import validate

EXPECTED = (
    Expected("value_is_set", "not_null", ("value",)),
    Expected("value_is_unique", "unique", ("value",)),
    Expected("pair_is_unique", "unique", ("name", "value")),
    Expected("name_is_known", "in_set", ("name",), values=("a", "b")),
    Expected("value_is_small", "between", ("value",), minimum=0, maximum=5),
    Expected("has_rows", "rows", severity=Severity.WARN, minimum=1),
)


def test_every_kind_of_expectation_finds_its_row():
    frame = pl.DataFrame({"name": ["a", "a", "c", "b"], "value": [1.0, 1.0, None, 9.0]})
    outcomes = validate(frame, EXPECTED)
    assert [(one.check, one.passed) for one in outcomes] == [
        ("value_is_set", False), ("value_is_unique", False), ("pair_is_unique", False), ("name_is_known", False),
        ("value_is_small", False), ("has_rows", True),
    ]  # fmt: skip
    assert outcomes[0].observed.startswith("1 of 4 rows break it")
    assert outcomes[4].observed == "1 of 4 rows break it, for example [9.0]"
    assert outcomes[5].observed == "4 rows"


def test_no_row_breaks_nothing_and_is_missing_where_rows_are_expected():
    frame = pl.DataFrame(schema={"name": pl.String, "value": pl.Float64})
    outcomes = validate(frame, EXPECTED)
    assert [one.passed for one in outcomes] == [True] * 5 + [False]
    assert outcomes[5].status == "warned"
    assert (outcomes[0].observed, outcomes[5].observed) == ("0 of 0 rows break it", "0 rows")


def test_what_is_said_of_no_row_is_what_the_library_says(monkeypatch: pytest.MonkeyPatch):
    spec = TABLES["silver.readings"]
    expected = [one for one in expectations(spec) if set(one.columns) <= set(spec.schema.names)]
    empty = pl.from_arrow(spec.schema.empty_table())
    assert isinstance(empty, pl.DataFrame)
    ours = validate(empty, expected)
    monkeypatch.setattr(pl.DataFrame, "is_empty", lambda _: False)
    assert [(one.check, one.passed) for one in ours] == [(one.check, one.passed) for one in validate(empty, expected)]


LIBRARY = """
import sys
from quality.validation import load
load()
assert not {"altair", "scipy.stats"} & set(sys.modules)
from great_expectations.expectations.core import expect_column_kl_divergence_to_be_less_than as other
assert other.stats.entropy([1.0]) == 0.0
assert other.alt.Chart.__module__.startswith("altair.")
import scipy.stats
assert scipy.stats.entropy is other.stats.entropy
"""


def test_what_the_library_imports_for_others_expectations_comes_when_it_is_used():
    subprocess.run([sys.executable, "-c", LIBRARY], check=True)


def test_a_configuration_is_the_librarys_and_put_together_once():
    for one in EXPECTED:
        ours = validation._expectation(one)
        (base,) = type(ours).__bases__
        theirs = base(**{name: getattr(ours, name) for name in ours.configuration.kwargs}, meta=ours.meta)
        assert ours.configuration.kwargs == theirs.configuration.kwargs
        assert ours.configuration.meta == theirs.configuration.meta == {"check": one.name}
        assert ours.configuration is ours.configuration
