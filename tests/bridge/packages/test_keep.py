"""Packages on site: installed whole or not at all, used only if everything loads, taken back, remembered."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bridge.calls import Caller
from bridge.driver import Scan
from bridge.etl.service import remember_site
from bridge.packages.keep import BEFORE_SWITCH, KEPT_VERSIONS, Packages
from bridge.packages.tools import package_tools
from bridge.recorder import Recorder
from bridge.rules.service import Rules
from bridge.store import Store
from core.contracts.package import build
from core.contracts.reading import Sample
from core.contracts.site import SiteFile
from core.errors import DeniedError, InputError, NotFoundError

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
SITE = SiteFile.model_validate(
    {
        "tenant": "newcomer-co",
        "site": "loop",
        "protocol": "modbus",
        "equipment": [
            {
                "id": "p1",
                "type": "pump",
                "signals": [{"name": "flow"}, {"name": "hot", "derived": True}, {"name": "odd", "derived": True}],
            }
        ],
    }
)


def rule(above: float, event: str = "hot") -> bytes:
    text = f"{{rule: {event}, equipment_type: pump, signal: flow, event: {event}, threshold: {{above: {above}}}}}"
    return f"rules:\n  - {text}\n".encode()


def package(version: str, content: bytes | None = None, *, name: str = "wear", key=KEY, tenant: str = "newcomer-co"):
    return build(tenant, name, version, {"rules/a.yaml": content or rule(int(version[0]))}, key)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home folder that a bridge has run on."""
    with Store.open(tmp_path / "home") as store:
        remember_site(store, SITE)
    yield tmp_path / "home"


@pytest.fixture
def packages(home: Path) -> Packages:
    """Packages of a bridge that trusts the key."""
    one = Packages(home, SITE)
    one.trust(PEM)
    return one


def test_a_bridge_that_trusts_nobody_takes_nothing(home: Path) -> None:
    with pytest.raises(InputError, match="trusts no key"):
        Packages(home, SITE).install(package("1.0.0"), "test")
    with pytest.raises(InputError, match="not a public key"):
        Packages(home, SITE).trust(b"x")


def test_versions_come_and_go_back(packages: Packages) -> None:
    for version in ("1.0.0", "2.0.0", "3.0.0"):
        assert packages.install(package(version), "anna") == f"wear {version}"
    assert packages.install(package("3.0.0"), "anna") == "wear 3.0.0"
    (one,) = packages.list()
    assert (one.version, one.versions) == ("3.0.0", ("1.0.0", "2.0.0", "3.0.0"))
    assert packages.rollback("wear", "berta") == "2.0.0"
    assert packages.rollback("wear", "berta") == "1.0.0"
    assert packages.rollback("wear", "berta") is None
    with pytest.raises(NotFoundError, match="no such package is in use"):
        packages.rollback("wear", "berta")
    assert packages.install(package("2.0.0"), "anna") == "wear 2.0.0"
    told = [(one.action, one.version, one.asked_by) for one in packages.history(99)]
    assert told == [
        ("installed", "2.0.0", "anna"),
        ("taken out", "1.0.0", "berta"),
        ("rolled back", "1.0.0", "berta"),
        ("rolled back", "2.0.0", "berta"),
        ("installed", "3.0.0", "anna"),
        ("installed", "2.0.0", "anna"),
        ("installed", "1.0.0", "anna"),
    ]


def test_what_is_refused_changes_nothing(packages: Packages) -> None:
    packages.install(package("2.0.0"), "anna")
    other = Ed25519PrivateKey.generate()
    for wrong, error, words in (
        (package("3.0.0", key=other), DeniedError, "not signed by the key"),
        (package("3.0.0", tenant="other-co"), DeniedError, "another tenant"),
        (package("1.0.0"), InputError, "older version"),
        (package("2.0.0", rule(9)), InputError, "other content"),
        (package("3.0.0", rule(3, "nothing")), InputError, "does not load here"),
        (package("1.0.0", rule(3), name="again"), InputError, "does not load here"),
        (build("newcomer-co", "wear", "3.0.0", {"rules/a.yaml": rule(3)}, KEY, bridge="99.0.0"), InputError, "newer"),
    ):
        with pytest.raises(error, match=words):
            packages.install(wrong, "eve")
    assert [(one.name, one.version, one.versions) for one in packages.list() if one.versions] == [
        ("wear", "2.0.0", ("2.0.0",))
    ]
    assert [one.action for one in packages.history(99)] == ["refused"] * 7 + ["installed"]


def test_old_versions_are_removed(packages: Packages) -> None:
    for number in range(1, KEPT_VERSIONS + 3):
        packages.install(package(f"{number}.0.0"), "anna")
    assert len(packages.list()[0].versions) == KEPT_VERSIONS


def test_a_running_bridge_takes_them_up(packages: Packages, home: Path) -> None:
    with Store.open(home) as store:
        recorder, rules = Recorder(store, SITE, clocked=False), Rules(store, Recorder(store, SITE, clocked=False), SITE)
        rules.close()
        rules = Rules(store, recorder, SITE)

        def read(second: int, value: float) -> int:
            recorder.record([Scan([Sample("p1", "flow", second * 1_000_000, value, None, 0)])])
            return rules.step()[1]

        assert rules.step() == (0, 0)
        packages.install(package("5.0.0"), "anna")
        rules.step()
        assert (read(1, 4), read(2, 6)) == (0, 1)
        packages.install(package("9.0.0"), "anna")
        assert read(3, 8) == 1  # 8 is not above 9: the event that stood ends
        packages.rollback("wear", "anna")
        assert read(4, 8) == 1
        packages.rollback("wear", "anna")
        assert rules.step() == (0, 1)
        rules.close()
        recorder.close()


async def test_the_platform_asks_by_name(packages: Packages, home: Path) -> None:
    tools, caller = package_tools(home, SITE), Caller("packages push", "1")
    packed = base64.b64encode(package("1.0.0")).decode()
    assert await tools["package_install"](caller, {"package": packed}) == {"installed": "wear 1.0.0"}
    listed = await tools["package_list"](caller, {})
    assert listed["packages"] == [{"name": "wear", "version": "1.0.0", "versions": ("1.0.0",)}]
    assert listed["history"][0]["asked_by"] == "packages push"
    assert await tools["package_rollback"](caller, {"name": "wear"}) == {"in_use": None}
    for raw in ({}, {"package": 5}, {"package": "%"}, {"package": "ключ"}, {"package": packed, "more": 1}):
        with pytest.raises(InputError):
            await tools["package_install"](caller, raw)


async def test_a_name_leads_to_no_other_folder(packages: Packages, home: Path, tmp_path: Path) -> None:
    packages.install(package("1.0.0"), "anna")
    (home / "packages" / "wear").rename(tmp_path / "wear")
    for name in ("../../wear", str(tmp_path / "wear"), "wear\0", "", "."):
        with pytest.raises(NotFoundError):
            await package_tools(home, SITE)["package_rollback"](Caller("eve", "1"), {"name": name})
    assert (tmp_path / "wear" / "current").is_symlink()


def test_dying_in_between_leaves_the_old_version_in_use(packages: Packages, home: Path, tmp_path: Path) -> None:
    packages.install(package("1.0.0"), "anna")
    (tmp_path / "two.zip").write_bytes(package("2.0.0"))
    (tmp_path / BEFORE_SWITCH).touch()
    command = [sys.executable, "-m", "cli.main", "bridge", "packages", "install", str(tmp_path / "two.zip")]

    def install() -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"GOLDLAYER_FAULTS": str(tmp_path)}
        return subprocess.run([*command, "--home", str(home)], env=environment, capture_output=True, text=True)

    assert install().returncode == -signal.SIGKILL
    assert packages.list()[0].version == "1.0.0"
    done = install()
    assert (done.returncode, done.stdout) == (0, "wear 2.0.0 is in use\n"), done.stderr
