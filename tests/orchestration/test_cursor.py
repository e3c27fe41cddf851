"""One cursor for the sensor and for runs by hand."""

from __future__ import annotations

import dagster as dg

from orchestration import cursor


def test_the_farther_version_counts_table_by_table():
    one = {"a": {"bronze.readings": 4, "bronze.events": 9}, "b": {"bronze.readings": 1}}
    other = {"a": {"bronze.readings": 6}}
    assert cursor.farther([one, other]) == {
        "a": {"bronze.readings": 6, "bronze.events": 9},
        "b": {"bronze.readings": 1},
    }


def test_text_and_back():
    versions = {"b": {"y": 1, "x": 2}, "a": {}}
    assert cursor.parse(cursor.write(versions)) == versions
    assert cursor.parse(None) == {}


def test_what_was_built_by_hand_is_remembered():
    with dg.DagsterInstance.ephemeral() as instance:
        assert cursor.read(instance) == {}
        cursor.remember(instance, {"a": {"bronze.readings": 3}})
        assert cursor.read(instance) == {"a": {"bronze.readings": 3}}
