"""The key of a vault in the keyring of the operating system: a backend of ours behind the library, and a real one."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring
from keyring.errors import KeyringLocked

from bridge.doctor.files import vault_finding
from bridge.vault import BridgeVault
from cli.main import main
from core.errors import InputError
from core.findings import State

PASSWORD = "pw-Zq82-never-anywhere"


class Died(BaseException):
    """The process ends here."""


class MemoryRing(KeyringBackend):
    """Implements the library's port; may die before or after any of its acts."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.acts = 0
        self.dies_at: int | None = None
        self.locked = False

    def _act(self) -> None:
        if self.locked:
            raise KeyringLocked("locked")
        self.acts += 1
        if self.acts == self.dies_at:
            raise Died

    def get_password(self, service: str, username: str) -> str | None:
        self._act()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._act()
        self.kept[service, username] = password
        self._act()

    def delete_password(self, service: str, username: str) -> None:
        self._act()
        del self.kept[service, username]
        self._act()


@pytest.fixture
def ring() -> Iterator[MemoryRing]:
    """The keyring of this process."""
    before, one = keyring.get_keyring(), MemoryRing()
    keyring.set_keyring(one)
    yield one
    keyring.set_keyring(before)


def opens(vault: BridgeVault) -> bool:
    return vault.use("plc/password", endpoint="a", purpose="sign in").reveal() == PASSWORD


def test_a_new_vault_s_key_goes_where_the_setting_says(tmp_path: Path, ring: MemoryRing) -> None:
    for place, in_ring in (("file", False), ("auto", True), ("keyring", True)):
        home = tmp_path / place
        vault = BridgeVault(home, place=place)  # pyright: ignore[reportArgumentType]  one of the three
        assert vault.where() is None
        vault.put("plc/password", PASSWORD)
        assert opens(BridgeVault(home)), "it is found wherever it lies"
        assert ((home / "vault.key").exists(), ("goldlayer-bridge", str(home)) in ring.kept) == (not in_ring, in_ring)
        assert ("OS keyring" in str(vault.where())) is in_ring


def test_without_a_keyring_auto_is_the_file_and_keyring_is_refused(tmp_path: Path, ring: MemoryRing) -> None:
    weak = type("Weak", (MemoryRing,), {"priority": 0.5})()
    for useless in (NoKeyring(), weak):
        keyring.set_keyring(useless)
        with pytest.raises(InputError, match=r"no OS keyring to use; expected the extra .*goldlayer\[keyring\]"):
            BridgeVault(tmp_path / "home", place="keyring").put("plc/password", PASSWORD)
    BridgeVault(tmp_path / "home", place="auto").put("plc/password", PASSWORD)
    assert (tmp_path / "home" / "vault.key").is_file()


def test_a_move_or_a_rotation_that_is_cut_off_anywhere_loses_nothing(tmp_path: Path, ring: MemoryRing) -> None:
    for what in ("keyring", "rotate", "file"):
        for at in itertools.count(1):
            home = tmp_path / f"{what}-{at}"
            vault = BridgeVault(home, place="file" if what == "keyring" else "keyring")
            vault.put("plc/password", PASSWORD)
            ring.acts, ring.dies_at = 0, at
            try:
                vault.rotate() if what == "rotate" else vault.move_key(what)
            except Died:
                ring.dies_at = None
                assert opens(vault), f"{what}, act {at}"
                vault.rotate() if what == "rotate" else vault.move_key(what)
            finished, ring.dies_at = ring.acts < at, None
            assert opens(vault), f"{what}, act {at}"
            there = ("goldlayer-bridge", str(home)) in ring.kept
            assert (there, (home / "vault.key").exists()) == ((False, True) if what == "file" else (True, False))
            assert ("goldlayer-bridge", f"{home}.next") not in ring.kept
            if finished:
                assert at > 3
                break


def test_a_rotation_in_the_keyring_is_a_new_key_each_time(tmp_path: Path, ring: MemoryRing) -> None:
    vault, seen = BridgeVault(tmp_path, place="keyring"), set[str]()
    vault.put("plc/password", PASSWORD)
    for _ in range(3):
        assert vault.rotate() == 1
        seen |= set(ring.kept.values())
    assert len(seen) == 3
    assert opens(vault)


def test_the_doctor_and_the_command_say_where_it_is(
    tmp_path: Path, ring: MemoryRing, capsys: pytest.CaptureFixture[str]
) -> None:
    vault, key = BridgeVault(tmp_path), ["bridge", "secret", "key", "--home", str(tmp_path)]
    assert vault_finding(vault).said == "no secrets are kept"
    assert main([*key, "--to", "keyring"]) == 2
    assert "there is no vault yet" in capsys.readouterr().err
    vault.put("plc/password", PASSWORD)
    assert vault_finding(vault).said == f"1 secrets, key in {tmp_path / 'vault.key'}"
    assert main([*key, "--to", "keyring"]) == 0
    assert main(key) == 0
    assert "".join(capsys.readouterr()).count("the OS keyring (") == 2
    assert "key in the OS keyring" in vault_finding(vault).said
    ring.locked = True
    locked = vault_finding(vault)
    assert locked.state is State.WRONG
    assert "cannot be read" in locked.said
    assert main(key) == 2
    assert PASSWORD not in "".join(capsys.readouterr())


_REAL = """
import io, sys
from cli.main import main
home = ["--home", sys.argv[1]]
def run(*words, typed=""):
    sys.stdin = io.StringIO(typed)
    assert main(["bridge", "secret", *words, *home]) == 0, words
run("set", "plc/password", typed=sys.argv[2])
run("key")
run("rotate")
run("key", "--to", "file")
run("key", "--to", "keyring")
run("key")
from bridge.vault import BridgeVault
from pathlib import Path
assert BridgeVault(Path(sys.argv[1])).use("plc/password", endpoint="a", purpose="test").reveal() == sys.argv[2]
print("opened")
"""


@pytest.mark.skipif(
    not all(map(shutil.which, ("dbus-run-session", "gnome-keyring-daemon"))),
    reason="no Secret Service here: apt-get install gnome-keyring dbus-daemon",
)
def test_a_real_secret_service_keeps_it(tmp_path: Path) -> None:
    home, where = tmp_path / "home", {"HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    (tmp_path / "script.py").write_text(_REAL)
    unlocked = 'printf x | gnome-keyring-daemon --unlock --components=secrets >/dev/null; exec "$@"'
    program = [sys.executable, "-u", str(tmp_path / "script.py"), str(home), PASSWORD]
    done = subprocess.run(
        ["dbus-run-session", "--", "sh", "-c", unlocked, "sh", *program],
        env=os.environ | where | {"GOLDLAYER_BRIDGE__VAULT_KEY": "keyring", "PYTHONPATH": str(Path.cwd())},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert [one for one in said if "OS keyring" in one] == ["the OS keyring (SecretService Keyring)"] * 3
    assert said[-1] == "opened"
    assert not (home / "vault.key").exists()
    assert (tmp_path / ".local/share/keyrings/login.keyring").is_file()
