"""Versions of the product side by side, each in an environment of its own; `current` is a link to one of them."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from core.errors import InputError, TerminalError

_WHEEL = re.compile(r"goldlayer-(?P<version>[0-9][0-9A-Za-z.!+]*)-.+\.whl")
_COMPLETE = ".complete"


def checked(wheel: Path, sha256: str) -> str:
    """The version of a wheel that is what its publisher says.

    Args:
        wheel: a file `goldlayer-VERSION-….whl`.
        sha256: of it, hexadecimal, from somewhere else than the file.

    Raises:
        InputError: it is no such file, or another one.
    """
    named = _WHEEL.fullmatch(wheel.name)
    if named is None:
        raise InputError("not a wheel of this product", expected="goldlayer-VERSION-py3-none-any.whl", where=str(wheel))
    try:
        found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    except OSError as error:
        raise InputError("the wheel cannot be read", received=error.strerror, where=str(wheel)) from error
    if found != sha256.lower():
        raise InputError("the wheel is not the one that is meant", expected=sha256, received=found, where=str(wheel))
    return named["version"]


class Versions:
    """A folder with `versions/<version>` and the links `current` and `previous`."""

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix

    @property
    def current(self) -> str | None:
        """The version that runs, None before the first."""
        return self._linked("current")

    @property
    def previous(self) -> str | None:
        """The version before it, None if there was none or it is gone."""
        return self._linked("previous")

    def install(self, wheel: Path, version: str) -> None:
        """Make the environment of a version, if it is not there whole.

        Args:
            wheel: passed `checked`.
            version: its version.

        Raises:
            TerminalError: it cannot be installed, or does not start; nothing of it is left.
        """
        place = self._place(version)
        if (place / _COMPLETE).exists():
            return
        shutil.rmtree(place, ignore_errors=True)  # What an attempt that was cut off has left.
        place.parent.mkdir(parents=True, exist_ok=True)
        python = str(place / "bin" / "python")
        try:
            _run("the environment cannot be made", sys.executable, "-m", "venv", str(place))
            _run("the version cannot be installed", python, "-m", "pip", "install", "--quiet", f"{wheel}[bridge]")
            _run("the version does not start", str(place / "bin" / "platform"), "bridge", "run", "--help")
        except TerminalError:
            shutil.rmtree(place, ignore_errors=True)
            raise
        (place / _COMPLETE).touch()

    def switch(self, version: str) -> None:
        """Make a version the current one, at one stroke; the one before becomes the previous."""
        before = self.current
        if before is not None and before != version:
            self._link("previous", before)
        self._link("current", version)

    def give_up(self, version: str, before: str, older: str | None) -> None:
        """Take a version back that was switched to, and leave nothing of it.

        Args:
            version: the one that does not hold.
            before: current before it.
            older: previous before it.
        """
        self._link("current", before)
        if older is None:
            (self.prefix / "previous").unlink(missing_ok=True)
        else:
            self._link("previous", older)
        if version not in (before, older):
            shutil.rmtree(self._place(version))

    def prune(self) -> None:
        """Remove every version that is neither the current nor the previous one."""
        kept = {self.current, self.previous}
        for place in (self.prefix / "versions").iterdir():
            if place.name not in kept:
                shutil.rmtree(place)

    def _place(self, version: str) -> Path:
        return self.prefix / "versions" / version

    def _linked(self, name: str) -> str | None:
        link = self.prefix / name
        return link.readlink().name if link.is_symlink() and (link / _COMPLETE).exists() else None

    def _link(self, name: str, version: str) -> None:
        fresh = self.prefix / f".{name}-{os.getpid()}"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(Path("versions") / version)
        fresh.replace(self.prefix / name)


def _run(what: str, *argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)  # noqa: S603  our own words
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise TerminalError(what, received=said[-1] if said else f"exit code {done.returncode}", where=argv[0])
