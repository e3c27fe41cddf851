"""Which contract is in force: the file, the platform's word, and what a home folder remembers of both."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.in_force import Contracts, remember_contract, remembered
from bridge.store import Store, transaction
from core.contracts.data_contract import DataContract


@pytest.fixture
def file(tmp_path: Path, build) -> Path:
    path = tmp_path / "loop.contract.yaml"
    path.write_text(build("- name: flow").contract.source)
    return path


def begun(store: Store, build, file: Path | None) -> Contracts:
    built = build("- name: flow")
    return Contracts.begin(store, built.site, built.contract, file)


def taken(store: Store, contracts: Contracts) -> DataContract | None:
    """What the next step would do."""
    proposed = contracts.next
    if proposed is not None:
        with store.writing() as connection, transaction(connection):
            remember_contract(connection, proposed, contracts.file_sha256)
        contracts.took_force(proposed)
    return proposed


def test_a_file_is_taken_up_once_it_stays_as_it_was_changed(tmp_path: Path, build, file: Path) -> None:
    newer = build("- name: level").contract
    with Store.open(tmp_path / "home") as store:
        contracts = begun(store, build, file)
        contracts.look_at(file)
        file.write_text(newer.source[:40])
        contracts.look_at(file)
        file.write_text(newer.source)
        contracts.look_at(file)
        assert contracts.next is None
        contracts.look_at(file)
        assert taken(store, contracts) == newer
        contracts.look_at(file)
        assert contracts.next is None
        assert begun(store, build, file).current == newer


@pytest.mark.parametrize("spoilt", ["not: a contract", "{", "- name: pressure"])
def test_an_invalid_file_keeps_the_old_contract_and_is_told_once(
    tmp_path: Path, build, file: Path, spoilt: str, capsys: pytest.CaptureFixture[str]
) -> None:
    good = file.read_text()
    with Store.open(tmp_path / "home") as store:
        contracts = begun(store, build, file)
        file.write_text(good.replace("- name: flow", spoilt) if spoilt.startswith("-") else spoilt)
        for _ in range(4):
            contracts.look_at(file)
        assert (contracts.next, contracts.current.source) == (None, good)
        assert "".join(capsys.readouterr()).count("not valid, the one in force stays") == 1
        file.unlink()
        contracts.look_at(file)
        file.write_text(good)
        for _ in range(2):
            contracts.look_at(file)
        assert contracts.next is None


def test_what_the_platform_pushed_outlives_a_restart_until_the_file_changes(tmp_path: Path, build, file: Path) -> None:
    pushed, newest = build("- name: level").contract, build("- name: flow\n- name: level").contract
    with Store.open(tmp_path / "home") as store:
        contracts = begun(store, build, file)
        assert contracts.offered(pushed.source, pushed.sha256) is None
        assert taken(store, contracts) == pushed
        again = begun(store, build, file)
        assert (again.current, again.next) == (pushed, None)
        file.write_text(newest.source)
        once_more = begun(store, build, file)
        assert (once_more.current, once_more.next) == (pushed, newest)


def test_what_the_platform_pushes_is_checked_on_site(
    tmp_path: Path, build, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pushed = build("- name: level").contract
    with Store.open(tmp_path / "home") as store:
        contracts = begun(store, build, file)
        assert "not the one that was announced" in str(contracts.offered(pushed.source, "0" * 64))
        strange = pushed.source.replace("level", "pressure")
        with store.writing() as connection:
            assert remembered(connection) == (contracts.current, contracts.file_sha256)
        import hashlib

        said = contracts.offered(strange, hashlib.sha256(strange.encode()).hexdigest())
        assert "unknown signal 'pressure'" in str(said)
        assert contracts.next is None
    assert "".join(capsys.readouterr()).count("the one in force stays") == 2


def test_a_remembered_contract_that_no_longer_fits_the_site_gives_way(tmp_path: Path, build, file: Path) -> None:
    with Store.open(tmp_path / "home") as store:
        contracts = begun(store, build, file)
        pushed = build("- name: level").contract
        contracts.offered(pushed.source, pushed.sha256)
        taken(store, contracts)
        built = build("- name: flow", signals=("flow", "height"))
        found = Contracts.begin(store, built.site, built.contract, file)
        assert (found.current, found.next) == (pushed, built.contract)
