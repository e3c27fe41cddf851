"""The packages of one bridge: a folder a version, and a link to the one in use that changes in one moment."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, replace
from importlib.metadata import version as installed_version
from pathlib import Path

from bridge.etl.folder import load_pipelines
from bridge.local import CURRENT, PACKAGES, Definitions, definitions
from bridge.packages.history import Change, note
from bridge.packages.trust import Trust
from bridge.rules.plan import plan_rules
from core import faults
from core.contracts.package import Manifest, Package, is_package_name, open_package, ordered
from core.contracts.site import SiteFile
from core.errors import GoldlayerError, InputError, NotFoundError

KEPT_VERSIONS = 5
_HIGHEST = "highest"
"""In a package's folder: the highest version that was ever in use here and is not any more."""
BEFORE_SWITCH = "bridge.package_before_switch"
"""Fault point: a version lies there whole and is not in use."""


@dataclass(frozen=True, slots=True)
class InUse:
    """One package; `version` is None if none of its versions is in use."""

    name: str
    version: str | None
    versions: tuple[str, ...]


class Packages:
    """The packages of a home folder; the bridge may be running, and takes up what changes by itself."""

    def __init__(self, home: Path, site: SiteFile, bridge_id: str) -> None:
        self._home, self._site, self._bridge_id = home, site, bridge_id
        self._root = home / PACKAGES
        self.trusted = Trust(home, site.tenant)

    def install(self, packed: bytes, asked_by: str, *, again: bool = False) -> str:
        """Verify a package and put it into use; what does not load never comes into use.

        Args:
            packed: the package.
            asked_by: who wants it.
            again: take a version that is not newer than all that were in use here before; for somebody on site. Whoever
                holds the link could otherwise bring back whatever the tenant has ever signed.

        Returns:
            Name and version.

        Raises:
            DeniedError: no key is trusted, the signature is not that of the trusted one, or it is another tenant's, or
                for other sites or bridges.
            InputError: it is no package, was changed, needs a newer bridge, is no newer version, or does not load.
        """
        told = Change(0, "?", "?", "", "installed", asked_by, "")
        try:
            package = open_package(packed, self.trusted.key(), self._site.tenant)
            manifest = package.manifest
            told = replace(told, name=manifest.name, version=manifest.version, sha256=package.sha256)
            manifest.check_place(self._site.site, self._bridge_id)
            self._check_version(package, again=again)
            if self._used(manifest.name) != manifest.version:
                self._bring_in(package)
                note(self._home, told)
                self._tidy(manifest.name)
        except GoldlayerError as error:
            note(self._home, replace(told, action="refused", note=error.sentence()))
            raise
        return f"{manifest.name} {manifest.version}"

    def _bring_in(self, package: Package) -> None:
        manifest = package.manifest
        known = (self._root / manifest.name / manifest.version).is_dir()
        folder = self._unpack(package)
        try:
            self._check_loads(manifest.name, folder)
        except GoldlayerError:
            if not known:
                shutil.rmtree(folder)
            raise
        faults.die_here(BEFORE_SWITCH)
        self._switch(manifest.name, manifest.version)

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
        note(self._home, Change(0, name, version or used, "", action, asked_by, f"from {used}"))
        return version

    def list(self) -> list[InUse]:
        """Every package that has a version here."""
        names = sorted(path.name for path in self._root.glob("*") if path.is_dir())
        return [InUse(name, self._used(name), tuple(self._versions(name))) for name in names]

    def _check_version(self, package: Package, *, again: bool) -> None:
        manifest, here = package.manifest, installed_version("goldlayer")
        if ordered(manifest.bridge) > ordered(here):
            raise InputError("package needs a newer bridge", expected=manifest.bridge, received=here)
        if not again:
            self._check_newer(manifest)
        kept = self._root / manifest.name / manifest.version
        if kept.is_dir() and _contents(kept) != dict(package.files):
            raise InputError(
                "this version was installed with other content",
                received=manifest.version,
                next_step="raise the version",
            )

    def _check_newer(self, manifest: Manifest) -> None:
        """Versions only rise; the one in use may come a second time, and changes nothing."""
        highest = self._highest(manifest.name)
        if highest is None or ordered(manifest.version) > ordered(highest):
            return
        if manifest.version != self._used(manifest.name):
            raise InputError(
                f"{manifest.name} {highest} was in use here",
                expected="a newer version",
                received=manifest.version,
                next_step="raise the version, or on site: platform bridge packages install FILE --again",
            )

    def _highest(self, name: str) -> str | None:
        """The highest version that is or ever was in use."""
        file = self._root / name / _HIGHEST
        known = [file.read_text(encoding="ascii")] if file.is_file() else []
        used = self._used(name)
        return max([*known, *([used] if used else [])], key=ordered, default=None)

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
        self._remember_highest(name)
        link = self._root / name / CURRENT
        if version is None:
            link.unlink()
        else:
            fresh = link.with_name(f".{CURRENT}")
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(version)
            fresh.replace(link)
        _flush(link.parent)

    def _remember_highest(self, name: str) -> None:
        """What is about to leave use counts for ever; written first, so that dying in between forgets nothing."""
        highest = self._highest(name)
        if highest is None:
            return
        fresh = self._root / name / f".{_HIGHEST}"
        with fresh.open("w", encoding="ascii") as out:
            out.write(highest)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(self._root / name / _HIGHEST)

    def _tidy(self, name: str) -> None:
        for version in self._versions(name)[:-KEPT_VERSIONS]:
            if version != self._used(name):
                shutil.rmtree(self._root / name / version)


def _contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _flush(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
