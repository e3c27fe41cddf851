"""Packages on site: installed whole or not at all, used only if everything loads, taken back, remembered."""

from __future__ import annotations

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
from bridge.packages.history import newest
from bridge.packages.keep import BEFORE_SWITCH, KEPT_VERSIONS, Packages
from bridge.packages.tools import package_tools
from bridge.recorder import Recorder
from bridge.rules.service import Rules
from bridge.store import Store
from core.contracts.package import Audience, build
from core.contracts.reading import Sample
from core.contracts.site import SiteFile
from core.errors import DeniedError, InputError, NotFoundError

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
BRIDGE = "loop-bridge"
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


def addressed(audience: Audience) -> bytes:
    return build("newcomer-co", "wear", "3.0.0", {"rules/a.yaml": rule(3)}, KEY, audience)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home folder that a bridge has run on."""
    with Store.open(tmp_path / "home") as store:
        remember_site(store, SITE)
    yield tmp_path / "home"


@pytest.fixture
def packages(home: Path) -> Packages:
    """Packages of a bridge that trusts the key."""
    one = Packages(home, SITE, BRIDGE)
    one.trusted.set(PEM, "anna")
    return one


def test_a_bridge_that_trusts_nobody_takes_nothing(home: Path) -> None:
    with pytest.raises(InputError, match="trusts no key"):
        Packages(home, SITE, BRIDGE).install(package("1.0.0"), "test")
    with pytest.raises(InputError, match="not a public key"):
        Packages(home, SITE, BRIDGE).trusted.set(b"x", "eve")


def test_versions_come_and_go_back(packages: Packages, home: Path) -> None:
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
    for version in ("2.0.0", "3.0.0"):
        with pytest.raises(InputError, match=r"wear 3.0.0 was in use here; expected a newer version"):
            packages.install(package(version), "eve")
    assert packages.install(package("2.0.0"), "anna", again=True) == "wear 2.0.0"
    assert packages.install(package("2.0.0"), "eve") == "wear 2.0.0"
    with pytest.raises(InputError, match=r"wear 3.0.0 was in use here"):
        packages.install(package("3.0.0"), "eve")
    assert packages.install(package("4.0.0"), "anna") == "wear 4.0.0"
    told = [(one.action, one.version, one.asked_by) for one in [one for one in newest(home, 99) if one.name != "(key)"]]
    assert told == [
        ("installed", "4.0.0", "anna"),
        ("refused", "3.0.0", "eve"),
        ("installed", "2.0.0", "anna"),
        ("refused", "3.0.0", "eve"),
        ("refused", "2.0.0", "eve"),
        ("taken out", "1.0.0", "berta"),
        ("rolled back", "1.0.0", "berta"),
        ("rolled back", "2.0.0", "berta"),
        ("installed", "3.0.0", "anna"),
        ("installed", "2.0.0", "anna"),
        ("installed", "1.0.0", "anna"),
    ]


def test_what_is_refused_changes_nothing(packages: Packages, home: Path) -> None:
    packages.install(package("2.0.0"), "anna")
    other = Ed25519PrivateKey.generate()
    for wrong, error, words in (
        (package("3.0.0", key=other), DeniedError, "not signed by the key"),
        (package("3.0.0", tenant="other-co"), DeniedError, "another tenant"),
        (package("1.0.0"), InputError, "wear 2.0.0 was in use here"),
        (package("2.0.0", rule(9)), InputError, "other content"),
        (package("3.0.0", rule(3, "nothing")), InputError, "does not load here"),
        (package("1.0.0", rule(3), name="again"), InputError, "does not load here"),
        (addressed(Audience(bridge="99.0.0")), InputError, "newer bridge"),
        (addressed(Audience(sites=("hall", "yard"))), DeniedError, "other sites; expected hall, yard; received 'loop'"),
        (addressed(Audience(bridges=("loop-spare",))), DeniedError, "other bridges; expected loop-spare"),
    ):
        with pytest.raises(error, match=words):
            packages.install(wrong, "eve")
    assert [(one.name, one.version, one.versions) for one in packages.list() if one.versions] == [
        ("wear", "2.0.0", ("2.0.0",))
    ]
    assert [one.action for one in [one for one in newest(home, 99) if one.name != "(key)"]] == ["refused"] * 9 + [
        "installed"
    ]


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


def test_a_package_for_this_very_place_is_taken(packages: Packages) -> None:
    packed = addressed(Audience("0.0.1", ("loop", "yard"), (BRIDGE,)))
    assert packages.install(packed, "anna") == "wear 3.0.0"


async def test_a_name_leads_to_no_other_folder(packages: Packages, home: Path, tmp_path: Path) -> None:
    packages.install(package("1.0.0"), "anna")
    (home / "packages" / "wear").rename(tmp_path / "wear")
    for name in ("../../wear", str(tmp_path / "wear"), "wear\0", "", "."):
        with pytest.raises(NotFoundError):
            await package_tools(home, SITE, BRIDGE, 1 << 20)["package_rollback"](Caller("eve", "1"), {"name": name})
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
