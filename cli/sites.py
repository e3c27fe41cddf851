"""The sites of a folder: every file read and every contract held against its site before anything is created."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from core.contracts.data_contract import DataContract, load_contract, permissive_contract
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
    """Sites of a folder, and what the reader should be told about them."""

    sites: list[SiteOnDisk]
    notes: list[str]


def find_sites(folder: Path, fallback: Path) -> Found:
    """Read a folder of site files.

    Args:
        folder: the folder.
        fallback: where a missing contract is written if the folder cannot be written.

    Raises:
        InputError: the first thing that is wrong; nothing has been created then.
    """
    notes: list[str] = []
    loaded: list[tuple[SiteFile, Path]] = []
    for file in site_files(folder):
        site, warnings = load_site(file)
        notes.extend(f"warning: {warning}" for warning in warnings)
        loaded.append((site, file))
    _refuse_twins(loaded)
    missing = [(site, file) for site, file in loaded if not (file.parent / site.contract_name).exists()]
    for site, file in missing:
        if site.contract is not None:
            raise InputError(
                "the contract that the site file names does not exist",
                expected=str(file.parent / site.contract),
                where=str(file),
                next_step="write it, or remove `contract` to get one that forwards everything",
            )
    sites: list[SiteOnDisk] = []
    for site, file in loaded:
        beside = file.parent / site.contract_name
        path, note = (beside, None) if beside.exists() else _write_contract(site, beside, fallback)
        notes.extend([note] if note else [])
        sites.append(SiteOnDisk(site, file, load_contract(path, site), path))
    return Found(sites, notes)


def _refuse_twins(loaded: list[tuple[SiteFile, Path]]) -> None:
    seen: dict[str, Path] = {}
    for site, file in loaded:
        if site.site in seen:
            raise InputError(
                f"two files describe site {site.site!r}", received=f"{seen[site.site]} and {file}", where=str(file)
            )
        seen[site.site] = file


def _write_contract(site: SiteFile, beside: Path, fallback: Path) -> tuple[Path, str]:
    target = beside if os.access(beside.parent, os.W_OK) else fallback / beside.name
    if not target.exists():
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(permissive_contract(site), encoding="utf-8")
        except OSError as error:
            raise InputError("contract cannot be written", received=error.strerror, where=str(target)) from error
    return target, f"site {site.site} came without a contract: {target} forwards every signal"
