"""`platform bridge install | update | rollback`: the bridge as a service of its machine."""

from __future__ import annotations

import pwd
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import InputError, TerminalError

if TYPE_CHECKING:
    from bridge.service.unit import Service

_PREFIX, _UNITS, _SETTLE_S, _WAIT_S = Path("/opt/goldlayer-bridge"), Path("/etc/systemd/system"), 45.0, 180.0

_Wheel = Annotated[Path, typer.Option(help="Wheel of the version.")]
_Sha256 = Annotated[str, typer.Option(help="SHA-256 of the wheel, as its publisher says it.")]
_Prefix = Annotated[Path, typer.Option(help="Folder of the versions.")]
_Home = Annotated[Path, typer.Option(help="Home folder of the bridge.")]
_Restart = Annotated[str | None, typer.Option(help="Command that starts the bridge again; systemctl if not given.")]
_Name = Annotated[str, typer.Option(help="Name of the service.")]
_Settle = Annotated[float, typer.Option(help="How long a version has to run on before it counts as good, seconds.")]

_Wait = Annotated[float, typer.Option(help="How long it may take for that, seconds.")]


def install(
    site: Annotated[Path, typer.Option(help="Site file; it stays where it is.")],
    contract: Annotated[Path, typer.Option(help="Data contract of the site; it stays where it is.")],
    gateway: Annotated[str, typer.Option(help="Address of the gateway, wss://HOST[:PORT][/PATH].")],
    key_file: Annotated[Path, typer.Option(help="File with the key this site was registered with; it is copied.")],
    wheel: _Wheel,
    sha256: _Sha256,
    prefix: _Prefix = _PREFIX,
    home: Annotated[Path | None, typer.Option(help="Home folder; /var/lib/NAME if not given.")] = None,
    keys: Annotated[Path | None, typer.Option(help="Folder of the keys; /etc/NAME if not given.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the service; goldlayer-bridge-SITE if not given.")] = None,
    user: Annotated[str, typer.Option(help="Account it runs as, made if there is none.")] = "goldlayer-bridge",
    units: Annotated[Path, typer.Option(help="Folder of the machine's units.")] = _UNITS,
    start: Annotated[bool, typer.Option(help="Enable and start it.")] = True,
) -> None:
    """Install the bridge as a service that starts with the machine; may be repeated."""
    from bridge.config import check_gateway, read_key
    from bridge.service.unit import Service, lines_of, unit_of
    from bridge.service.versions import Versions, checked
    from core.contracts.odcs import load_contract
    from core.contracts.site import load_site

    known, _ = load_site(site)
    load_contract(contract, known)
    check_gateway(gateway)
    version = checked(wheel, sha256)
    called = name or f"goldlayer-bridge-{known.site}"
    folder = (keys or Path("/etc") / called).resolve()
    service = Service(
        name=called,
        user=user,
        prefix=prefix.resolve(),
        site_file=site.resolve(),
        contract_file=contract.resolve(),
        home=(home or Path("/var/lib") / called).resolve(),
        gateway=gateway,
        key_file=folder / "gateway.key",
        vault_key_file=folder / "vault.key",
        lines=lines_of(known),
    )
    key = read_key(key_file).get_secret_value()
    versions = Versions(service.prefix)
    versions.install(wheel, version)
    versions.switch(version)
    _own(service, key)
    unit = units / f"{called}.service"
    unit.write_text(unit_of(service), encoding="utf-8")
    typer.echo(f"{unit} runs version {version} as {user}, home {service.home}")
    typer.echo(f"secrets: GOLDLAYER_BRIDGE__VAULT_KEY_FILE={service.vault_key_file}, set as {user}")
    if start:
        _call("systemctl", "daemon-reload")
        _call("systemctl", "enable", "--now", called)
        typer.echo(f"{called} is started: platform bridge status --home {service.home}")


def update(
    wheel: _Wheel,
    sha256: _Sha256,
    home: _Home,
    name: _Name = "goldlayer-bridge",
    prefix: _Prefix = _PREFIX,
    restart: _Restart = None,
    settle_s: _Settle = _SETTLE_S,
    wait_s: _Wait = _WAIT_S,
) -> None:
    """Run a new version; if it does not hold, the one before runs again by itself and the exit code is 1."""
    from bridge.service.versions import Versions, checked

    version = checked(wheel, sha256)
    versions = Versions(prefix.resolve())
    if versions.current == version:
        typer.echo(f"{version} runs already")
        return
    versions.install(wheel, version)
    _change(prefix, version, home, restart, name, settle_s, wait_s)
    versions.prune()


def rollback(
    home: _Home,
    name: _Name = "goldlayer-bridge",
    prefix: _Prefix = _PREFIX,
    restart: _Restart = None,
    settle_s: _Settle = _SETTLE_S,
    wait_s: _Wait = _WAIT_S,
) -> None:
    """Run the version before again."""
    from bridge.service.versions import Versions

    before = Versions(prefix.resolve()).previous
    if before is None:
        raise InputError("there is no version before", where=str(prefix))
    _change(prefix, before, home, restart, name, settle_s, wait_s)


def _change(
    prefix: Path, version: str, home: Path, restart: str | None, name: str, settle_s: float, wait_s: float
) -> None:
    from bridge.service.change import change
    from bridge.service.versions import Versions

    words = shlex.split(restart) if restart else ["systemctl", "restart", name]
    versions = Versions(prefix.resolve())
    change(versions, version, lambda: _call(*words), home, settle_s=settle_s, wait_s=wait_s)
    typer.echo(f"version {version} runs")


def _own(service: Service, key: str) -> None:
    """Give the service's account a home and its keys, and nothing else."""
    try:
        account = pwd.getpwnam(service.user)
    except KeyError:
        _call("useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", service.user)
        account = pwd.getpwnam(service.user)
    for folder in (service.home, service.key_file.parent):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        shutil.chown(folder, account.pw_uid, account.pw_gid)
    service.key_file.touch(mode=0o600)
    service.key_file.write_text(key, encoding="utf-8")
    shutil.chown(service.key_file, account.pw_uid, account.pw_gid)


def _call(*argv: str) -> None:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)  # noqa: S603  the operator's words
    except OSError as error:
        raise TerminalError("a command cannot be started", received=error.strerror, where=argv[0]) from error
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise TerminalError(
            "a command of the machine failed",
            received=said[-1] if said else f"exit code {done.returncode}",
            where=" ".join(argv),
            next_step="run it by hand as an administrator",
        )
