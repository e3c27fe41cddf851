"""The packages of one bridge: a folder a version, and a link to the one in use that changes in one moment."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version as installed_version
from pathlib import Path

from bridge.etl.folder import load_pipelines
from bridge.local import CURRENT, PACKAGES, Definitions, definitions
from bridge.rules.plan import plan_rules
from bridge.store import DATABASE, Store, read_only, transaction
from core import clock, faults
from core.contracts.package import Package, is_package_name, open_package, ordered, public_key_of
from core.contracts.site import SiteFile
from core.errors import GoldlayerError, InputError, NotFoundError
from core.log import get_logger

TRUSTED = "packages.pub"
"""In the home folder: the public key of the tenant's packages."""
KEPT_VERSIONS = 5
_COLUMNS = "at, name, version, sha256, action, asked_by, note"
BEFORE_SWITCH = "bridge.package_before_switch"
"""Fault point: a version lies there whole and is not in use."""
_log = get_logger("bridge")


@dataclass(frozen=True, slots=True)
class InUse:
    """One package; `version` is None if none of its versions is in use."""

    name: str
    version: str | None
    versions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the history; `at` is microseconds since the epoch."""

    at: int
    name: str
    version: str
    sha256: str
    action: str
    asked_by: str
    note: str


class Packages:
    """The packages of a home folder; the bridge may be running, and takes up what changes by itself."""

    def __init__(self, home: Path, site: SiteFile) -> None:
        self._home, self._site = home, site
        self._root = home / PACKAGES

    def trust(self, pem: bytes) -> None:
        """Trust one public key from now on, and no other."""
        public_key_of(pem)
        fresh = self._home / f".{TRUSTED}"
        fresh.write_bytes(pem)
        fresh.replace(self._home / TRUSTED)

    def install(self, packed: bytes, asked_by: str) -> str:
        """Verify a package and put it into use; what does not load never comes into use.

        Returns:
            Name and version.

        Raises:
            DeniedError: no key is trusted, the signature is not that of the trusted one, or it is another tenant's.
            InputError: it is no package, was changed, needs a newer bridge, is no newer version, or does not load.
        """
        try:
            package = open_package(packed, self._trusted(), self._site.tenant)
            self._check_version(package)
        except GoldlayerError as error:
            self._note(Change(0, "?", "?", "", "refused", asked_by, error.sentence()))
            raise
        manifest = package.manifest
        told = Change(0, manifest.name, manifest.version, package.sha256, "installed", asked_by, "")
        if self._used(manifest.name) != manifest.version:
            folder = self._unpack(package)
            try:
                self._check_loads(manifest.name, folder)
            except GoldlayerError as error:
                shutil.rmtree(folder)
                self._note(replace(told, action="refused", note=error.sentence()))
                raise
            faults.die_here(BEFORE_SWITCH)
            self._switch(manifest.name, manifest.version)
            self._note(told)
            self._tidy(manifest.name)
        return f"{manifest.name} {manifest.version}"

    def rollback(self, name: str, asked_by: str) -> str | None:
        """Use the version before the one in use; without one, none.

        Returns:
            The version now in use.

        Raises:
            NotFoundError: no such package is in use.
            InputError: the version before does not load on this site any more.
        """
        used = self._used(name) if is_package_name(name) else None
        if used is None:
            known = ", ".join(one.name for one in self.list() if one.version)
            raise NotFoundError("no such package is in use", expected=known or "a package", received=name)
        earlier = [one for one in self._versions(name) if ordered(one) < ordered(used)]
        version = earlier[-1] if earlier else None
        if version is not None:
            self._check_loads(name, self._root / name / version)
        self._switch(name, version)
        action = "rolled back" if version else "taken out"
        self._note(Change(0, name, version or used, "", action, asked_by, f"from {used}"))
        return version

    def list(self) -> list[InUse]:
        """Every package that has a version here."""
        names = sorted(path.name for path in self._root.glob("*") if path.is_dir())
        return [InUse(name, self._used(name), tuple(self._versions(name))) for name in names]

    def history(self, last: int) -> list[Change]:
        """The newest changes, newest first."""
        connection = read_only(self._home)
        try:
            found = connection.execute(
                f"select {_COLUMNS} from package_history order by id desc limit ?",  # noqa: S608  names of this file
                (last,),
            ).fetchall()
        finally:
            connection.close()
        return [Change(*row) for row in found]

    def _trusted(self) -> bytes:
        try:
            return (self._home / TRUSTED).read_bytes()
        except OSError as error:
            raise InputError(
                "this bridge trusts no key for packages",
                where=str(self._home / TRUSTED),
                next_step="platform bridge packages trust KEY --home HOME, with the tenant's public key",
            ) from error

    def _check_version(self, package: Package) -> None:
        manifest, here = package.manifest, installed_version("goldlayer")
        if ordered(manifest.bridge) > ordered(here):
            raise InputError("package needs a newer bridge", expected=manifest.bridge, received=here)
        used = self._used(manifest.name)
        if used is not None and ordered(manifest.version) < ordered(used):
            raise InputError(
                "an older version than the one in use",
                expected=f"newer than {used}",
                received=manifest.version,
                next_step="roll back instead",
            )
        kept = self._root / manifest.name / manifest.version
        if kept.is_dir() and _contents(kept) != dict(package.files):
            raise InputError(
                "this version was installed with other content",
                received=manifest.version,
                next_step="raise the version",
            )

    def _unpack(self, package: Package) -> Path:
        """The version's folder, whole or not there."""
        folder = self._root / package.manifest.name / package.manifest.version
        if folder.is_dir():
            return folder
        fresh = folder.with_name(f".{folder.name}")
        shutil.rmtree(fresh, ignore_errors=True)
        for path, content in package.files.items():
            file = fresh / path
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("wb") as out:
                out.write(content)
                os.fsync(out.fileno())
        fresh.replace(folder)
        _flush(folder.parent)
        return folder

    def _check_loads(self, name: str, folder: Path) -> None:
        """Everything on this site still loads with this version in use.

        Raises:
            GoldlayerError: the first thing that does not, and did before.
        """
        now = definitions(self._home)
        own = now[0].own
        others = [one for one in now if one.root.parent.name != name or one.root == own]
        candidate = Definitions(folder, f"{name} {folder.name}", own)
        before = {str(problem) for problem in self._problems(now)}
        for problem in self._problems([*others, candidate]):
            if str(problem) not in before:
                raise InputError(f"{name} {folder.name} does not load here", received=problem.sentence())

    def _problems(self, sources: list[Definitions]) -> list[GoldlayerError]:
        found = load_pipelines(sources, self._site.derived()).problems
        return [*found, *plan_rules(sources, self._site).problems]

    def _used(self, name: str) -> str | None:
        link = self._root / name / CURRENT
        return link.readlink().name if link.is_symlink() else None

    def _versions(self, name: str) -> list[str]:
        folders = (path.name for path in (self._root / name).glob("[0-9]*") if path.is_dir())
        return sorted(folders, key=ordered)

    def _switch(self, name: str, version: str | None) -> None:
        link = self._root / name / CURRENT
        if version is None:
            link.unlink()
        else:
            fresh = link.with_name(f".{CURRENT}")
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(version)
            fresh.replace(link)
        _flush(link.parent)

    def _tidy(self, name: str) -> None:
        for version in self._versions(name)[:-KEPT_VERSIONS]:
            if version != self._used(name):
                shutil.rmtree(self._root / name / version)

    def _note(self, change: Change) -> None:
        """A line of the history, and of the log."""
        _log.info("package " + change.action, action="package", package=change.name, version=change.version,
                  asked_by=change.asked_by, note=change.note)  # fmt: skip
        if not (self._home / DATABASE).is_file():
            return
        row = (clock.now_us(), change.name, change.version, change.sha256, change.action, change.asked_by, change.note)

        def write(connection: sqlite3.Connection) -> None:
            connection.execute(
                f"insert into package_history ({_COLUMNS}) values (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608  the same
                row,
            )

        self._in_transaction(write)

    def _in_transaction(self, write: Callable[[sqlite3.Connection], None]) -> None:
        with Store(self._home).writing() as connection, transaction(connection):
            write(connection)


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _flush(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
