"""One home, one bridge."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.store import Store, get_meta, read_only
from core.errors import InputError


def test_a_home_has_one_owner_and_one_incarnation(tmp_path: Path) -> None:
    with Store.open(tmp_path / "home") as store:
        with store.writing() as connection:
            first = get_meta(connection, "incarnation")
        with pytest.raises(InputError, match="another bridge"), Store.open(tmp_path / "home"):
            pass
    with Store.open(tmp_path / "home") as store, store.writing() as connection:
        assert get_meta(connection, "incarnation") == first


def test_a_home_that_cannot_be_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"), Store.open(tmp_path / "file"):
        pass
    with pytest.raises(InputError, match="no bridge has run here"):
        read_only(tmp_path)
