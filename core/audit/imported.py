"""Chains that tenants brought along from other installations, whose keys are not here.

Such a copy cannot be recomputed here. The record of the import carries its SHA-256, and that record is in a chain that
can: so a copy is as good as the chain it is named in.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

ACTION = "tenant.import"
"""The record that names copies, in its `after`."""
_CHAINS = "chains"


class ImportedChains:
    """One folder a tenant, `audit/imported/<id>`, and in it one file a copy, under its own SHA-256."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "imported"

    def of(self, chain: UUID) -> list[Path]:
        """Copies kept for a tenant."""
        return sorted((self._folder / str(chain)).glob("*.jsonl"))

    def keep(self, chain: UUID, copy: Path) -> None:
        """Keep a copy; one that is kept already stays."""
        folder = self._folder / str(chain)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = folder / f"{_digest(copy)}.jsonl"
        if not target.exists():
            part = target.with_suffix(".part")
            shutil.copyfile(copy, part)
            part.chmod(0o600)
            part.replace(target)

    def told(self, chain: UUID) -> dict[str, object]:
        """What the record of an import says of the copies that came with it."""
        return {_CHAINS: {copy.stem: len(copy.read_bytes().splitlines()) for copy in self.of(chain)}}

    def check(self, chain: UUID, row: Mapping[str, Any]) -> tuple[int, str | None]:
        """Hold the copies that a record names against what is kept.

        Returns:
            Records in them, and what is wrong or None.
        """
        if row["action"] != ACTION or row["after"] is None:
            return 0, None
        named: dict[str, int] = json.loads(row["after"]).get(_CHAINS, {})
        for digest in named:
            kept = self._folder / str(chain) / f"{digest}.jsonl"
            if not kept.exists():
                return 0, "the copy of the chain that was imported is missing"
            if _digest(kept) != digest:
                return 0, "the copy of the chain that was imported was changed"
        return sum(named.values()), None


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
