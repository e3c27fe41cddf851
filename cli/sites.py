"""The sites of a folder: every file read and every contract held against its site before anything is created."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from core.contracts.data_contract import DataContract
from core.contracts.odcs import load_contract, parse_contract, permissive_contract
from core.contracts.site import SiteFile, load_site, site_files
from core.errors import InputError

PACKAGED = Path(__file__).parents[1] / "examples" / "sites"


@dataclass(frozen=True, slots=True)
class SiteOnDisk:
    """One site with the files it came from."""

    site: SiteFile
    file: Path
    contract: DataContract
    contract_file: Path

    @property
    def folder(self) -> Path:
        """Where the recording's path starts."""
        return self.file.parent


@dataclass(frozen=True, slots=True)
class Found:
    """Sites of a folder, what the reader should be told about them, and contracts that have yet to be written."""

    sites: list[SiteOnDisk]
    notes: list[str]
    unwritten: dict[Path, str]

    def write_contracts(self) -> None:
        """Write the contracts of sites that came without one; called once nothing can be refused any more.

        Raises:
            InputError: one cannot be written.
        """
        for path, text in self.unwritten.items():
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            except OSError as error:
                raise InputError("contract cannot be written", received=error.strerror, where=str(path)) from error


def find_sites(folder: Path, fallback: Path) -> Found:
    """Read a folder of site files; creates nothing.

    Args:
        folder: the folder.
        fallback: where a missing contract will be written if the folder cannot be written.

    Raises:
        InputError: the first thing that is wrong.
    """
    found = Found([], [], {})
    loaded: list[tuple[SiteFile, Path]] = []
    for file in site_files(folder):
        site, warnings = load_site(file)
        found.notes.extend(f"warning: {warning}" for warning in warnings)
        loaded.append((site, file))
    _refuse_twins(loaded)
    for site, file in loaded:
        found.sites.append(_with_contract(site, file, fallback, found))
    return found


def _with_contract(site: SiteFile, file: Path, fallback: Path, found: Found) -> SiteOnDisk:
    beside = file.parent / site.contract_name
    spare = fallback / site.contract_name
    path = beside if beside.exists() or os.access(beside.parent, os.W_OK) else spare
    if path.exists():
        return SiteOnDisk(site, file, load_contract(path, site), path)
    if site.contract is not None:
        raise InputError(
            "the contract that the site file names does not exist",
            expected=str(beside),
            where=str(file),
            next_step="write it, or remove `contract` to get one that forwards everything",
        )
    text = permissive_contract(site)
    found.unwritten[path] = text
    found.notes.append(f"site {site.site} came without a contract: {path} forwards every signal")
    return SiteOnDisk(site, file, parse_contract(text, where=str(path)), path)


def _refuse_twins(loaded: list[tuple[SiteFile, Path]]) -> None:
    seen: dict[str, Path] = {}
    for site, file in loaded:
        if site.site in seen:
            raise InputError(
                f"two files describe site {site.site!r}", received=f"{seen[site.site]} and {file}", where=str(file)
            )
        seen[site.site] = file
