"""`platform bridge packages`: signed packages on site."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bridge.packages.keep import Packages

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)
Home = Annotated[Path, typer.Option(help="Home folder of the bridge; it may be running.")]
_ON_SITE = "somebody on site"


@app.command("list")
def list_(home: Home, last: Annotated[int, typer.Option(min=1, help="Changes to show at most.")] = 20) -> None:
    """Show the trusted key, every package with the version in use, and what happened to packages."""
    from bridge.packages.history import newest
    from cli.table import print_table
    from core.contracts.reading import to_datetime

    packages = _packages(home)
    typer.echo(f"trusted key {packages.trusted.fingerprint() or 'none yet'}\n")
    rows = [(one.name, one.version or "none", ", ".join(one.versions)) for one in packages.list()]
    print_table([("package", "in use", "kept"), *rows])
    typer.echo()
    changes = [
        (f"{to_datetime(one.at):%Y-%m-%d %H:%M:%S}", one.name, one.version, one.action, one.asked_by, one.note)
        for one in newest(home, last)
    ]
    print_table([("at", "package", "version", "what", "by", "note"), *changes])


@app.command()
def trust(
    key: Annotated[Path, typer.Argument(help="Public key of the tenant's packages, PEM.")],
    home: Home,
) -> None:
    """Trust one key for packages from now on, instead of the one that was handed over at registration.

    The key comes from `platform bridges packages key`, which shows the same fingerprint.
    """
    from core.errors import InputError

    try:
        pem = key.read_bytes()
    except OSError as error:
        raise InputError("key cannot be read", received=error.strerror, where=str(key)) from error
    typer.echo(f"packages signed with {_packages(home).trusted.set(pem, _ON_SITE)} are taken")


@app.command()
def install(
    package: Annotated[Path, typer.Argument(help="File of a signed package.")],
    home: Home,
    again: Annotated[bool, typer.Option("--again", help="Also one that is not newer than all before it.")] = False,
) -> None:
    """Install a package by hand, where no link is, or where an older version is wanted again."""
    from core.errors import InputError

    try:
        packed = package.read_bytes()
    except OSError as error:
        raise InputError("package cannot be read", received=error.strerror, where=str(package)) from error
    typer.echo(f"{_packages(home).install(packed, _ON_SITE, again=again)} is in use")


@app.command()
def rollback(name: Annotated[str, typer.Argument(help="Package.")], home: Home) -> None:
    """Use the version before the one in use; without one, none."""
    version = _packages(home).rollback(name, _ON_SITE)
    typer.echo(f"{name} {version} is in use" if version else f"no version of {name} is in use")


def _packages(home: Path) -> Packages:
    from bridge.etl.service import remembered_bridge, remembered_site
    from bridge.packages.keep import Packages

    return Packages(home, remembered_site(home), remembered_bridge(home))
