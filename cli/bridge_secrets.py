"""`platform bridge secret`: what devices want to know, kept on site under a name that site files say."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import InputError
from core.settings import load_settings

if TYPE_CHECKING:
    from bridge.vault import BridgeVault

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)


class _Place(StrEnum):
    FILE = "file"
    KEYRING = "keyring"


_Home = Annotated[Path, typer.Option(help="Home folder of the bridge; it may be running.")]
_Name = Annotated[str, typer.Argument(help="Name as the site file says it.")]


@app.command("set")
def put(
    name: _Name,
    home: _Home,
    file: Annotated[Path | None, typer.Option(help="File to keep, such as a private key in PEM.")] = None,
) -> None:
    """Keep a secret: typed unseen, from standard input, or from a file."""
    _vault(home).put(name, _value(name, file))
    typer.echo(f"{name} is kept; a running bridge uses it from its next connection on")
    if file is not None:
        typer.echo(f"remove {file} once the bridge has connected")


@app.command("list")
def show(home: _Home) -> None:
    """Names of the secrets that are kept."""
    for name in _vault(home).names():
        typer.echo(name)


@app.command()
def remove(name: _Name, home: _Home) -> None:
    """Forget a secret."""
    _vault(home).remove(name)
    typer.echo(f"{name} is forgotten")


@app.command()
def rotate(home: _Home) -> None:
    """Seal every secret under a new key."""
    typer.echo(f"{_vault(home).rotate()} sealed under a new key")


@app.command()
def key(home: _Home, to: Annotated[_Place | None, typer.Option(help="Move it there.")] = None) -> None:
    """Show where the vault's key lies, or move it between its file and the keyring of the operating system."""
    vault = _vault(home)
    typer.echo(
        vault.move_key("file" if to is _Place.FILE else "keyring") if to else vault.where() or "there is no vault yet"
    )


def _vault(home: Path) -> BridgeVault:
    from bridge.vault import BridgeVault

    settings = load_settings().bridge
    return BridgeVault(home, settings.vault_key_file, settings.vault_key)


def _value(name: str, file: Path | None) -> str:
    if file is None:
        typed = typer.prompt(name, hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.read()
        return str(typed).rstrip("\r\n")
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        # Without its cause, which may quote what it could not read.
        raise InputError("file cannot be kept", expected="a text, such as PEM", where=str(file)) from (
            error if isinstance(error, OSError) else None
        )
