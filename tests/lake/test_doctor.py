"""What the doctor says of a store, thing by thing."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.findings import Finding
from core.vault import Secret
from lake.doctor import findings
from lake.storage import Storage, storage_of
from lake.turns import remembered
from tests.lake.s3_server import KEY, S3, running


def _storage(s3: S3, root: str = "s3://lake/root") -> Storage:
    return storage_of(root, s3.options, {"aws_secret_access_key": Secret(KEY)})


def _looked(storage: Storage, proof: Path) -> dict[str, Finding]:
    found = {one.thing: one for one in findings(storage, proof)}
    assert KEY not in str(found)
    return found


def _states(found: dict[str, Finding]) -> dict[str, str]:
    return {name: one.state.value for name, one in found.items() if one.state != "right"}


def test_all_is_right_in_a_folder_and_it_stays_as_it_was(tmp_path):
    found = _looked(Storage(str(tmp_path / "lake")), tmp_path / "proof")
    assert _states(found) == {}
    assert list(found) == ["store", "versions", "put", "get", "clock", "list", "table", "delete", "conditional put"]
    assert "deltalake 1." in found["versions"].said
    assert [one.name for one in tmp_path.iterdir()] == ["proof"]


def test_all_is_right_on_a_store_that_takes_one_of_several_writers(tmp_path):
    with running() as s3:
        found = _looked(_storage(s3), tmp_path / "proof")
        assert s3.keys() == []
        assert remembered(tmp_path / "proof", _storage(s3)) is True
    assert _states(found) == {}
    assert "aws_secret_access_key (vault)" in found["store"].said


def test_a_store_where_two_win_is_wrong_and_that_is_remembered(tmp_path):
    with running(atomic=False) as s3:
        found = _looked(_storage(s3), tmp_path / "proof")
        assert remembered(tmp_path / "proof", _storage(s3)) is False
    assert _states(found) == {"conditional put": "wrong"}
    assert "of 8 writers win" in found["conditional put"].said
    assert "one sink and one builder" in found["conditional put"].next_step


@pytest.mark.parametrize(("skew_s", "state"), [(30.0, "notice"), (-900.0, "wrong")])
def test_a_clock_that_is_away_is_told(tmp_path, skew_s: float, state: str):
    with running(skew_s=skew_s) as s3:
        found = _looked(_storage(s3), tmp_path / "proof")
    assert _states(found) == {"clock": state}
    assert "set the clock" in found["clock"].next_step


def test_a_store_that_cannot_list_from_a_name_on_is_wrong(tmp_path):
    with running(offsets=False) as s3:
        found = _looked(_storage(s3), tmp_path / "proof")
    assert found["list"].state == "wrong"
    assert "no commit would be found" in found["list"].said
    assert found["table"].state == "wrong"


@pytest.mark.parametrize(
    ("refused", "wrong"),
    [
        ({"PUT"}, {"put": "wrong", "permissions": "notice", "conditional put": "wrong"}),
        ({"GET"}, {"get": "wrong", "permissions": "notice", "conditional put": "wrong"}),
        ({"DELETE"}, {"delete": "wrong"}),
        ({"LIST"}, {"list": "wrong", "table": "wrong", "delete": "wrong"}),
    ],
)
def test_what_is_not_allowed_is_named(tmp_path, refused: set[str], wrong: dict[str, str]):
    with running(refused=refused) as s3:
        found = _looked(_storage(s3), tmp_path / "proof")
    assert _states(found) == wrong
    first = next(one for one in found.values() if one.state == "wrong")
    assert "refuses the key, or what it may do" in first.said


def test_a_missing_bucket_and_a_silent_endpoint_are_one_clear_sentence(tmp_path):
    with running() as s3:
        found = _looked(_storage(s3, "s3://other/root"), tmp_path / "proof")
        assert "no such bucket" in found["put"].said
        assert found["put"].next_step == "make it, or correct GOLDLAYER_LAKE__ROOT"
    found = _looked(_storage(s3), tmp_path / "proof")
    assert "does not answer" in found["put"].said
    assert found["put"].next_step == "look at aws_endpoint_url and the network"
