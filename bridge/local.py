"""What a site is told to do beside reading its devices: YAML files of its owner's folder, and of installed packages."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import ValidationError

from core.errors import InputError

OWN = "site"
"""Origin of what the site's owner has put there."""
_FOLDER = "local"
PACKAGES = "packages"
CURRENT = "current"
"""Link to the folder of the version in use, in the folder of a package."""


@dataclass(frozen=True, slots=True)
class Definitions:
    """One place that definitions come from.

    Attributes:
        root: its folder.
        origin: `site`, or the name and version of the package.
        own: the site owner's folder, which alone holds Python.
    """

    root: Path
    origin: str
    own: Path

    def files(self, kind: str) -> list[Path]:
        """YAML files of one kind, by name."""
        return sorted((self.root / kind).glob("*.yaml"))


def own_definitions(home: Path) -> Definitions:
    """The folder `local` of a bridge's home."""
    folder = home / _FOLDER
    return Definitions(folder, OWN, folder)


def definitions(home: Path) -> list[Definitions]:
    """The site owner's own folder, then that of every package in use, by name."""
    own = own_definitions(home)
    found = [own]
    for link in sorted((home / PACKAGES).glob(f"*/{CURRENT}")):
        version = link.resolve()
        found.append(Definitions(version, f"{link.parent.name} {version.name}", own.root))
    return found


def stamp_of(home: Path, kinds: Sequence[str]) -> list[tuple[str, int, int]]:
    """What changes whenever a file of one of the kinds does."""
    found: list[tuple[str, int, int]] = []
    for source in definitions(home):
        for path in sorted(path for kind in kinds for path in (source.root / kind).glob("*")):
            with contextlib.suppress(FileNotFoundError):  # it went in this very moment
                state = path.stat()
                found.append((str(path), state.st_mtime_ns, state.st_size))
    return found


def read_yaml(path: Path, what: str) -> tuple[object, str]:
    """A file's content, and its text.

    Raises:
        InputError: it cannot be read or is not YAML.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        return yaml.safe_load(text), text
    except OSError as error:
        raise InputError(f"{what} cannot be read", received=error.strerror, where=str(path)) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{what} is not YAML", received=" ".join(str(error).split())[:160], where=str(path)) from error


def said_wrong(error: ValidationError, path: Path, what: str, page: str) -> InputError:
    """The first thing that is wrong with a file, as one error."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"]) or "the file"
    unknown = first["type"] == "extra_forbidden"
    return InputError(
        f"unknown key {key!r}" if unknown else f"{key!r} is wrong",
        expected=f"a key of the form ({page})" if unknown else first["msg"].removeprefix("Value error, "),
        received=None if isinstance(first["input"], dict | list) else first["input"],
        where=str(path),
        next_step=f"correct the {what}",
    )
