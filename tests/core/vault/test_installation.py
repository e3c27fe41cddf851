"""The installation's own secrets: sealed, under the master key, and turned with it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from core.errors import InputError, NotFoundError, TerminalError
from core.run.folder import RunFolder
from core.settings import Settings, VaultSettings
from core.vault import Secret
from core.vault.installation import InstallationVault
from core.vault.master import FileMasterKey, MasterKeys

_PROGRAM = Path(__file__).with_name("master_program.py")
_VALUE = "the key of the store"


@pytest.fixture
def run(reachable: Path) -> RunFolder:
    return RunFolder.open(reachable / "run", Settings())


@pytest.fixture
def vault(run: RunFolder) -> InstallationVault:
    return InstallationVault.by_settings(run, Settings())


def test_values_come_back_by_folder_and_lie_sealed(run, vault):
    vault.put("lake/aws_secret_access_key", Secret(_VALUE))
    vault.put("mail/password", Secret("another"))
    assert vault.names() == ["lake/aws_secret_access_key", "mail/password"]
    assert {name: one.reveal() for name, one in vault.within("lake").items()} == {"aws_secret_access_key": _VALUE}
    for file in run.path.rglob("*"):
        if file.is_file():
            assert _VALUE.encode() not in file.read_bytes()
            assert file.stat().st_mode & 0o077 == 0


async def test_it_is_read_also_where_a_loop_runs(vault):
    vault.put("lake/x", Secret(_VALUE))
    assert vault.within("lake")["x"].reveal() == _VALUE


def test_nothing_kept_is_nothing_and_no_file(run, vault):
    assert vault.within("lake") == {}
    assert list(run.secrets.iterdir()) == []
    with pytest.raises(NotFoundError):
        vault.remove("lake/x")
    for nothing in ("", " \n", "\udcff"):
        with pytest.raises(InputError, match="empty or no text"):
            vault.put("lake/x", Secret(nothing))


def test_what_is_removed_is_gone(vault):
    vault.put("lake/x", Secret(_VALUE))
    vault.remove("lake/x")
    assert vault.within("lake") == {}


async def test_it_turns_with_the_master_key_and_survives_an_interruption(run):
    master = FileMasterKey(run)
    vault = InstallationVault(run, MasterKeys(master))
    vault.put("lake/x", Secret(_VALUE))
    before = run.secret("installation.key")
    await master.rotate()  # interrupted here: the old master key still opens it
    assert vault.within("lake")["x"].reveal() == _VALUE
    assert await vault.wrap_anew() == 1
    await master.retire()
    assert vault.within("lake")["x"].reveal() == _VALUE
    assert run.secret("installation.key") != before


def test_under_a_program_a_copy_of_the_run_folder_opens_nothing(run, tmp_path):
    settings = Settings(vault=VaultSettings(command=f"{sys.executable} {_PROGRAM} {tmp_path / 'keys.json'}"))
    InstallationVault.by_settings(run, settings).put("lake/x", Secret(_VALUE))
    assert InstallationVault.by_settings(run, settings).within("lake")["x"].reveal() == _VALUE
    with pytest.raises(TerminalError, match="not configured"):
        InstallationVault.by_settings(run, Settings()).within("lake")


def test_a_lost_key_is_named(run, vault):
    vault.put("lake/x", Secret(_VALUE))
    (run.secrets / "installation.key").unlink()
    with pytest.raises(TerminalError, match="key of the installation's secrets is missing"):
        vault.within("lake")
