"""Conditional puts raced: one wins on a store that takes one, and a store that takes two is found out."""

from __future__ import annotations

import pytest

from core.errors import TerminalError, TransientError
from core.vault import Secret
from lake.race import ROUNDS, race
from lake.storage import Storage, storage_of
from tests.lake.s3_server import KEY, S3, running


def _storage(s3: S3, root: str = "s3://lake/root") -> Storage:
    return storage_of(root, s3.options, {"aws_secret_access_key": Secret(KEY)})


def test_one_writer_wins_in_a_folder_and_nothing_stays(tmp_path):
    outcome = race(Storage(str(tmp_path / "lake")))
    assert (outcome.rounds, outcome.winners, outcome.proven) == (ROUNDS, 1, True)
    assert list(tmp_path.iterdir()) == []


def test_one_writer_wins_on_a_store_that_looks_and_writes_in_one_go():
    with running() as s3:
        assert race(_storage(s3), rounds=5).proven
        assert s3.keys() == []


def test_a_store_that_looks_first_and_writes_then_is_found_out():
    with running(atomic=False) as s3:
        outcome = race(_storage(s3))
    assert outcome.winners > 1
    assert not outcome.proven


def test_what_keeps_a_race_from_being_run_is_one_error():
    with running() as s3, pytest.raises(TerminalError, match="no such bucket"):
        race(_storage(s3, "s3://other/root"), rounds=1)
    with running(refused={"PUT"}) as s3:
        with pytest.raises(TerminalError, match="refuses the key, or what it may do") as refused:
            race(_storage(s3), rounds=1)
        assert KEY not in str(refused.value)
    with pytest.raises(TransientError, match="does not answer"):
        race(_storage(s3), rounds=1)
