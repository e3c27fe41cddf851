"""Fault episodes from events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from assets.silver.pairing import changed, episodes

START = datetime(2024, 3, 4, 6, tzinfo=UTC)


def events(*changes: tuple[str, float, str], severity: int = 75) -> pl.DataFrame:
    """Events as (machine, hours after the start, state)."""
    return pl.DataFrame(
        {
            "event_id": [str(n) for n in range(len(changes))],
            "site": ["plant"] * len(changes),
            "equipment_id": [machine for machine, _, _ in changes],
            "equipment_type": ["pump"] * len(changes),
            "ts": [START + timedelta(hours=hours) for _, hours, _ in changes],
            "fault_code": ["DRY"] * len(changes),
            "severity": pl.Series([severity] * len(changes), dtype=pl.Int32),
            "state": [state for _, _, state in changes],
            "message": ["Dry."] * len(changes),
        }
    )


def test_raise_and_clear_are_an_episode_of_the_day_of_raising():
    row = episodes(events(("p1", 0, "raised"), ("p1", 30, "cleared"))).to_dicts()[0]
    assert (row["duration_s"], row["date"].isoformat(), row["level"]) == (108_000.0, "2024-03-04", "warning")


def test_an_open_fault_has_no_end():
    row = episodes(events(("p1", 0, "raised"))).to_dicts()[0]
    assert (row["cleared_at"], row["duration_s"]) == (None, None)


def test_raised_twice_is_one_fault_and_cleared_alone_is_none():
    found = episodes(
        events(
            ("p1", 0, "cleared"), ("p1", 1, "raised"), ("p1", 2, "raised"), ("p1", 3, "cleared"), ("p1", 4, "cleared")
        )
    )
    assert found.select("raised_at", "duration_s").rows() == [(START + timedelta(hours=1), 7200.0)]


def test_machines_do_not_mix_and_an_acknowledgement_changes_nothing():
    found = episodes(
        events(("p1", 0, "raised"), ("p2", 1, "raised"), ("p1", 2, "acknowledged"), ("p2", 3, "cleared"))
    ).sort("equipment_id")
    assert found["duration_s"].to_list() == [None, 7200.0]


@pytest.mark.parametrize(("score", "word"), [(69, "info"), (70, "warning"), (89, "warning"), (90, "critical")])
def test_the_word_for_a_score(score, word):
    assert episodes(events(("p1", 0, "raised"), severity=score))["level"].to_list() == [word]


def test_days_whose_episodes_changed():
    before = episodes(events(("p1", 0, "raised"), ("p2", 24, "raised")))
    after = episodes(events(("p1", 0, "raised"), ("p2", 24, "raised"), ("p1", 80, "cleared")))
    assert [day.isoformat() for day in changed(before, after)["date"]] == ["2024-03-04"]
    assert changed(after, after).is_empty()
