"""A declaration as Dagster's pages show it."""

from __future__ import annotations

import subprocess
import sys

from assets.declared import listed, table_spec
from lake.tables import gold


def test_definitions_stand_one_below_the_other_and_other_words_as_they_are() -> None:
    assert listed("Figures: a = one; at most; b = two; c") == "Figures:\n- **a** = one; at most\n- **b** = two; c"
    assert listed(gold.HEALTH_DAILY.description) == gold.HEALTH_DAILY.description


def test_a_column_says_its_unit_and_one_of_many_units_where_it_stands() -> None:
    schema = table_spec(gold.KPI_DAILY).metadata["dagster/column_schema"]
    told = {column.name: column.description or "" for column in schema.columns}
    assert told["value"].endswith("[unit of the row]")
    assert "[" not in told["samples"]


def test_assets_are_loaded_without_a_word_on_standard_error() -> None:
    done = subprocess.run([sys.executable, "-c", "import assets.gold"], capture_output=True, text=True, check=True)
    assert done.stderr == ""
