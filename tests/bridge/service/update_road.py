"""Install, update, fail, roll back: real wheels of this tree in real environments, run by the unit's own words.

`make service` runs it: three environments take longer than the other tests have time for.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bridge.health import read_health
from bridge.service.versions import Versions
from cli.main import main
from core.contracts.odcs import permissive_contract
from core.contracts.site import load_site

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[3]
SITE = """
tenant: newcomer-co
site: press
protocol: modbus
endpoint: modbus://127.0.0.1:9
equipment:
  - id: p1
    type: pump
    signals:
      - {name: flow, address: 1/holding/0/float32}
"""
_RESTART = """#!/bin/sh
# As a service manager does: end what runs, start what the unit says, wait until it is ready or has ended.
cd {folder}
if test -f pid; then
    kill "$(cat pid)"
    while kill -0 "$(cat pid)"; do sleep 0.1; done
fi 2>/dev/null
touch started
{command} >>log 2>&1 &
echo $! >pid
while kill -0 $!; do
    test home/health.json -nt started && exit 0
    sleep 0.1
done 2>/dev/null
exit 1
"""


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def wheel_of(version: str, folder: Path, *, breaks: bool = False) -> Path:
    """A wheel of this tree under another version; its dependencies are those of this environment."""
    tree = folder / version
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for room in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        shutil.copytree(ROOT / room, tree / room, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "dbt", tree / "dbt", ignore=shutil.ignore_patterns("target", "logs"))
    for name in ("README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree / name)
    (tree / "here.pth").write_text(f"{next(one for one in sys.path if one.endswith('site-packages'))}\n")
    text = (ROOT / "pyproject.toml").read_text().replace(f'"{project["project"]["version"]}"', f'"{version}"', 1)
    included = "[tool.hatch.build.targets.wheel.force-include]"
    (tree / "pyproject.toml").write_text(text.replace(included, f'{included}\n"here.pth" = "here.pth"'))
    if breaks:
        with (tree / "bridge" / "app.py").open("a") as file:
            file.write("\n\nasync def run(config, stop):\n    raise SystemExit(3)\n")
    uv = Path(sys.executable).parent / "uv"
    subprocess.run([uv, "build", "--quiet", "--wheel", "--out-dir", folder, tree], check=True)
    (made,) = folder.glob(f"goldlayer-{version}-*.whl")
    return made


@pytest.fixture
def restart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], str]]:
    """Makes the command that starts what the unit says; ends it with the test."""
    monkeypatch.setenv("PIP_NO_DEPS", "1")
    monkeypatch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")
    monkeypatch.setenv("GOLDLAYER_BRIDGE__HEARTBEAT_INTERVAL_S", "0.2")

    def command() -> str:
        (unit,) = tmp_path.glob("*.service")
        (line,) = [one for one in unit.read_text().splitlines() if one.startswith("ExecStart=")]
        program = tmp_path / "restart"
        words = shlex.join(shlex.split(line.partition("=")[2]))
        program.write_text(_RESTART.format(folder=tmp_path, command=words))
        program.chmod(0o755)
        return str(program)

    yield command
    if (tmp_path / "pid").exists():
        os.kill(int((tmp_path / "pid").read_text()), 15)


def test_a_bridge_is_installed_updated_and_goes_back_by_itself(
    tmp_path: Path, restart: Callable[[], str], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "press.yaml").write_text(SITE)
    (tmp_path / "press.contract.yaml").write_text(permissive_contract(load_site(tmp_path / "press.yaml")[0]))
    (tmp_path / "key").write_text("a-key\n")
    home, prefix, versions = tmp_path / "home", tmp_path / "prefix", Versions(tmp_path / "prefix")
    first, broken, good = (
        wheel_of(version, tmp_path / "wheels", breaks=version == "8.0.2") for version in ("8.0.1", "8.0.2", "8.0.3")
    )

    def typed(code: int, command: str, wheel: Path | None, *words: str) -> str:
        known = () if wheel is None else ("--wheel", str(wheel), "--sha256", sha256(wheel))
        places = ("--home", str(home), "--prefix", str(prefix))
        assert main(["bridge", command, *known, *places, *words]) == code
        return "".join(capsys.readouterr())

    site = ("--site", str(tmp_path / "press.yaml"), "--contract", str(tmp_path / "press.contract.yaml"))
    service = ("--keys", str(tmp_path / "keys"), "--units", str(tmp_path), "--user", "root", "--no-start")
    gateway = ("--gateway", "ws://127.0.0.1:9", "--key-file", str(tmp_path / "key"))
    typed(0, "install", first, *site, *service, *gateway)
    assert (tmp_path / "keys" / "gateway.key").stat().st_mode & 0o777 == 0o600
    watched = ("--restart", restart(), "--settle-s", "0.5", "--wait-s", "60")

    said = typed(1, "update", broken, *watched)
    assert "the new version does not hold" in said
    assert "8.0.1 runs again" in said
    assert (versions.current, versions.previous) == ("8.0.1", None)
    assert _runs(home) == "8.0.1"

    assert "version 8.0.3 runs" in typed(0, "update", good, *watched)
    assert (versions.current, versions.previous, _runs(home)) == ("8.0.3", "8.0.1", "8.0.3")
    assert "runs already" in typed(0, "update", good, *watched)

    assert "version 8.0.1 runs" in typed(0, "rollback", None, *watched)
    assert (versions.current, _runs(home)) == ("8.0.1", "8.0.1")
    forged = good.with_name("goldlayer-8.0.4-py3-none-any.whl")
    shutil.copy(broken, forged)
    command = ["bridge", "update", "--wheel", str(forged), "--sha256", "0" * 64, "--home", str(home)]
    assert main([*command, "--prefix", str(prefix)]) == 2
    forged.write_bytes(b"no wheel")
    assert "cannot be installed" in typed(1, "update", forged, *watched)
    assert sorted(one.name for one in (prefix / "versions").iterdir()) == ["8.0.1", "8.0.3"]
    assert _runs(home) == "8.0.1"


def _runs(home: Path) -> str:
    """The version that was looked at last; the process that holds the home folder is there."""
    looked = read_health(home)
    assert looked is not None
    os.kill(int((home / "bridge.lock").read_text()), 0)
    return looked[1].version
