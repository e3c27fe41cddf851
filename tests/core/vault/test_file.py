from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.errors import DeniedError, InputError, NotFoundError, TerminalError
from core.vault import FileVault

_KEY, _OTHER = "k" * 43, "o" * 43


def test_a_secret_comes_back_and_never_lies_in_the_clear(tmp_path: Path):
    file = tmp_path / "vault.json"
    FileVault(file, _KEY).put("plc/line-1", "pässword")

    assert FileVault(file, _KEY).get("plc/line-1") == "pässword"
    assert FileVault(file, _KEY).names() == ["plc/line-1"]
    assert "pässword" not in file.read_text() and "ssword" not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600


def test_another_key_neither_reads_nor_writes(tmp_path: Path):
    file = tmp_path / "vault.json"
    FileVault(file, _KEY).put("a", "1")
    before = file.read_bytes()

    for call in (
        lambda v: v.get("a"),
        lambda v: v.put("b", "2"),
        lambda v: v.remove("a"),
        lambda v: v.change_key(_KEY),
    ):
        with pytest.raises(DeniedError):
            call(FileVault(file, _OTHER))

    assert file.read_bytes() == before


def test_values_that_were_changed_or_moved_are_found(tmp_path: Path):
    file = tmp_path / "vault.json"
    vault = FileVault(file, _KEY)
    vault.put("a", "1")
    vault.put("b", "2")
    content = json.loads(file.read_text())
    content["values"]["a"] = content["values"]["b"]
    file.write_text(json.dumps(content))

    with pytest.raises(TerminalError, match="changed"):
        vault.get("a")
    assert vault.get("b") == "2"
    file.write_text("{}")
    with pytest.raises(TerminalError, match="not a vault file"):
        vault.get("b")


def test_a_changed_key_ends_the_old_one(tmp_path: Path):
    file = tmp_path / "vault.json"
    vault = FileVault(file, _KEY)
    vault.put("a", "1")

    vault.change_key(_OTHER)

    assert vault.get("a") == FileVault(file, _OTHER).get("a") == "1"
    with pytest.raises(DeniedError):
        FileVault(file, _KEY).get("a")


def test_writers_at_the_same_time_lose_nothing(tmp_path: Path):
    file = tmp_path / "vault.json"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: FileVault(file, _KEY).put(f"name-{n}", str(n)), range(24)))

    assert len(FileVault(file, _KEY).names()) == 24


def test_what_is_not_there_and_what_cannot_be_is_said(tmp_path: Path):
    vault = FileVault(tmp_path / "vault.json", _KEY)
    vault.put("a", "1")
    vault.remove("a")

    for call in (vault.get, vault.remove):
        with pytest.raises(NotFoundError):
            call("a")
    with pytest.raises(InputError):
        vault.put("", "x")
    with pytest.raises(InputError):
        FileVault(tmp_path / "v", "short")


def test_the_vault_installs_on_an_edge_box():
    code = "import sys, core.vault; print([m for m in ('asyncpg', 'fastapi', 'sqlalchemy') if m in sys.modules])"

    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert said.strip() == "[]"
