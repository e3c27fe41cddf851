"""Versions that hold and versions that do not: what is current afterwards."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bridge.health import FILE
from bridge.service.change import change
from bridge.service.versions import Versions, checked
from core.errors import InputError, TerminalError


def installed(versions: Versions, *names: str) -> None:
    for name in names:
        place = versions.prefix / "versions" / name
        place.mkdir(parents=True)
        (place / ".complete").touch()


def starting(versions: Versions, home: Path, *, lasts: dict[str, float]) -> Callable[[], None]:
    """A restart: whatever is current looks at itself so long after its start."""

    def restart() -> None:
        version = versions.current or ""
        if lasts[version] < 0:
            raise TerminalError("service failed")
        began = datetime.now(UTC)
        numbers = dict.fromkeys(
            ("outbox_batches", "outbox_rows", "outbox_bytes", "disk_free_bytes", "cpu_percent", "memory_bytes"), 0
        )
        health = {"version": version, "started_at": began.isoformat(), "contract": "1", "drivers": []}
        at = (began + timedelta(seconds=lasts[version])).isoformat()
        (home / FILE).write_text(json.dumps({"at": at, "outbox_oldest_s": None, **health, **numbers}))

    return restart


@pytest.fixture
def versions(tmp_path: Path) -> Versions:
    made = Versions(tmp_path / "prefix")
    installed(made, "1.0.0", "1.1.0", "1.2.0")
    made.switch("1.0.0")
    made.switch("1.1.0")
    return made


def test_a_version_that_holds_stays_and_the_one_before_is_kept(versions: Versions, tmp_path: Path) -> None:
    restart = starting(versions, tmp_path, lasts={"1.2.0": 45})
    change(versions, "1.2.0", restart, tmp_path, settle_s=45, wait_s=5)
    versions.prune()
    assert (versions.current, versions.previous) == ("1.2.0", "1.1.0")
    assert sorted(one.name for one in (versions.prefix / "versions").iterdir()) == ["1.1.0", "1.2.0"]


@pytest.mark.parametrize("lasts", [44.0, -1.0])
def test_a_version_that_does_not_hold_gives_way_to_the_one_before(versions: Versions, tmp_path: Path, lasts) -> None:
    restart = starting(versions, tmp_path, lasts={"1.2.0": lasts, "1.1.0": 60})
    with pytest.raises(TerminalError, match=r"does not hold.*1\.2\.0.*1\.1\.0 runs again"):
        change(versions, "1.2.0", restart, tmp_path, settle_s=45, wait_s=0.3)
    assert (versions.current, versions.previous) == ("1.1.0", "1.0.0")
    assert not (versions.prefix / "versions" / "1.2.0").exists()


def test_where_neither_holds_the_one_before_is_current_and_somebody_is_told(versions: Versions, tmp_path: Path) -> None:
    restart = starting(versions, tmp_path, lasts={"1.2.0": 1, "1.1.0": 1})
    with pytest.raises(TerminalError, match="neither the new version nor the one before"):
        change(versions, "1.2.0", restart, tmp_path, settle_s=45, wait_s=0.3)
    assert versions.current == "1.1.0"


def test_a_look_from_before_the_restart_says_nothing(versions: Versions, tmp_path: Path) -> None:
    starting(versions, tmp_path, lasts={"1.1.0": 60})()
    versions.switch("1.2.0")
    with pytest.raises(TerminalError, match="neither"):
        change(versions, "1.1.0", lambda: None, tmp_path, settle_s=45, wait_s=0.3)


def test_a_version_that_was_left_half_made_is_none(versions: Versions) -> None:
    (versions.prefix / "versions" / "1.1.0" / ".complete").unlink()
    assert (versions.current, versions.previous) == (None, "1.0.0")


def test_a_wheel_is_what_its_publisher_says_or_nothing(tmp_path: Path) -> None:
    wheel = tmp_path / "goldlayer-1.2.0-py3-none-any.whl"
    wheel.write_bytes(b"wheel")
    right = hashlib.sha256(b"wheel").hexdigest()
    assert checked(wheel, right.upper()) == "1.2.0"
    with pytest.raises(InputError, match="not the one that is meant"):
        checked(wheel, "0" * 64)
    with pytest.raises(InputError, match="not a wheel of this product"):
        checked(tmp_path / "other-1.2.0-py3-none-any.whl", right)
    with pytest.raises(InputError, match="cannot be read"):
        checked(tmp_path / "goldlayer-1.3.0-py3-none-any.whl", right)
