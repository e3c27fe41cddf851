"""One contract for every kind of master key, and what is particular to each."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from core.errors import GoldlayerError, InputError, TerminalError, TransientError
from core.run.folder import RunFolder
from core.settings import Settings, VaultSettings
from core.vault.command import CommandMasterKey
from core.vault.master import FileMasterKey, MasterKey, MasterKeys, Wrapped

_PROGRAM = Path(__file__).with_name("master_program.py")
_KEY = bytes(range(32))


@pytest.fixture
def run(reachable: Path, run_settings: Settings) -> RunFolder:
    return RunFolder.open(reachable / "run", run_settings)


@pytest.fixture
def command(tmp_path: Path) -> str:
    return f"{sys.executable} {_PROGRAM} {tmp_path / 'keys.json'}"


@pytest.fixture(params=["file", "command"])
def master(request: pytest.FixtureRequest, run: RunFolder, command: str) -> MasterKey:
    return FileMasterKey(run) if request.param == "file" else CommandMasterKey(command, 30)


async def test_a_key_comes_back_under_its_own_context_only(master: MasterKey):
    wrapped = await master.wrap(_KEY, "tenant a")

    assert wrapped.master.startswith(f"{master.scheme}:")
    assert await master.unwrap(wrapped, "tenant a") == _KEY
    assert (await master.wrap(_KEY, "tenant a")).text != wrapped.text
    with pytest.raises(TerminalError):
        await master.unwrap(wrapped, "tenant b")
    with pytest.raises(TerminalError):
        await master.unwrap(Wrapped(wrapped.master, wrapped.text[:-8] + "AAAAAAA="), "tenant a")


async def test_a_rotation_keeps_the_old_wraps_until_it_is_ended(master: MasterKey):
    old = await master.wrap(_KEY, "a")
    await master.rotate()
    new = await master.wrap(_KEY, "a")
    assert new.master != old.master
    assert [await master.unwrap(one, "a") for one in (old, new)] == [_KEY, _KEY]

    await master.retire()

    assert await master.unwrap(new, "a") == _KEY
    with pytest.raises(TerminalError):
        await master.unwrap(old, "a")


async def test_a_rotation_that_was_cut_off_goes_on_with_the_same_key(run: RunFolder):
    master = FileMasterKey(run)
    old = await master.wrap(_KEY, "a")
    await master.rotate()
    begun = await master.wrap(_KEY, "a")
    await master.rotate()

    assert (await master.wrap(_KEY, "a")).master == begun.master
    assert await master.unwrap(old, "a") == _KEY
    # Cut off between its two files: the key before is written, the new one is not.
    await master.retire()
    run.write_secret("vault_master_previous", run.secret("vault_master"))
    await master.rotate()
    assert (await master.wrap(_KEY, "a")).master != begun.master
    assert await master.unwrap(begun, "a") == _KEY


async def test_a_lost_key_file_is_named(run: RunFolder):
    master = FileMasterKey(run)
    wrapped = await master.wrap(_KEY, "a")
    (run.secrets / "vault_master").unlink()

    with pytest.raises(TerminalError, match="restore this file"):
        await master.unwrap(wrapped, "a")


async def test_settings_choose_and_older_wraps_still_open(run: RunFolder, command: str):
    before = MasterKeys.by_settings(run, Settings())
    after = MasterKeys.by_settings(run, Settings(vault=VaultSettings(command=command)))
    old, new = await before.wrap(_KEY, "a"), await after.wrap(_KEY, "a")

    assert [one.master.partition(":")[0] for one in (old, new)] == ["file", "command"]
    assert [await after.unwrap(one, "a") for one in (old, new)] == [_KEY, _KEY]
    with pytest.raises(TerminalError, match="GOLDLAYER_VAULT__COMMAND"):
        await before.unwrap(new, "a")


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        ("raise SystemExit(3)", TerminalError, "exit code 3"),
        ("print('no json, planted')", TerminalError, "did not answer in JSON"),
        ("print('[]')", TerminalError, "did not answer in JSON"),
        ("print('{}')", TerminalError, "left out a field; expected master"),
        ("import time; time.sleep(60)", TransientError, "too long"),
    ],
)
async def test_a_program_that_misbehaves_is_one_error_without_its_words(
    tmp_path: Path, body: str, kind: type[GoldlayerError], said: str
):
    program = tmp_path / "program.py"
    program.write_text(body)
    timeout = 0.2 if kind is TransientError else 30

    with pytest.raises(kind, match=said) as refused:
        await CommandMasterKey(f"{sys.executable} {program}", timeout).wrap(_KEY, "a")

    assert "planted" not in str(refused.value)


async def test_a_program_that_is_not_there_or_not_named(tmp_path: Path):
    with pytest.raises(TerminalError, match="cannot be started"):
        await CommandMasterKey(str(tmp_path / "nothing"), 1).wrap(_KEY, "a")
    with pytest.raises(InputError):
        CommandMasterKey("  ", 1)


async def test_a_key_never_stands_in_an_argument(tmp_path: Path):
    program = tmp_path / "program.py"
    told = tmp_path / "told"
    program.write_text(
        f"import sys, pathlib; pathlib.Path({str(told)!r}).write_text(repr(sys.argv))\n"
        'print(\'{"master": "k", "wrapped": "w"}\')'
    )

    await CommandMasterKey(f"{sys.executable} {program} --profile 'two words'", 30).wrap(_KEY, "a")

    assert told.read_text() == repr([str(program), "--profile", "two words"])
