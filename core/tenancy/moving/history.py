"""What was recorded of a tenant: its audit chain, as a copy to read.

A chain is proven with the key of the installation that wrote it, so it is never written into another's log. There the
copy is kept beside the exported heads and the record of the import carries its hash; here the chain simply goes on.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from core.audit.imported import ImportedChains
from core.db import Database, TenantScope
from core.db.queries import load_queries
from core.run.folder import RunFolder
from core.tenancy.moving.checksum import checksum_of
from core.tenancy.moving.holding import Content, Contents

_SQL = load_queries("core.tenancy.moving", "history.sql")
_CHAIN, _LOG, _EARLIER = "audit_log.jsonl", "audit_log", "earlier"


class AuditHistory:
    """Implements `Holding`."""

    name = "history"

    def __init__(self, platform: Database, run: RunFolder) -> None:
        self._platform = platform
        self.imported = ImportedChains(run.path / "audit")

    async def export(self, scope: TenantScope, to: Path) -> Contents:
        """The chain of this installation, and copies of chains that came with earlier imports."""
        async with self._platform.transaction(scope.id, readonly=True) as transaction:
            lines = [row["line"] for row in await transaction.fetch(_SQL["chain"])]
        (to / _CHAIN).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        earlier = to / _EARLIER
        earlier.mkdir()
        for copy in self.imported.of(scope.id):
            shutil.copyfile(copy, earlier / copy.name)
        return _contents(to)

    async def remains(self, scope: TenantScope) -> str | None:  # noqa: ARG002  the port's signature
        """Nothing: a chain of this very tenant is welcome, it goes on."""
        return None

    async def restore(self, scope: TenantScope, source: Path) -> Contents:
        """Keep copies of chains that are not this installation's own."""
        for copy in (source / _CHAIN, *(source / _EARLIER).glob("*.jsonl")):
            if not await self._is_ours(scope, copy):
                self.imported.keep(scope.id, copy)
        return _contents(source)

    async def _is_ours(self, scope: TenantScope, copy: Path) -> bool:
        lines = copy.read_text(encoding="utf-8").split("\n")[:-1]
        if not lines:
            return True
        last = json.loads(lines[-1])
        async with self._platform.transaction(scope.id, readonly=True) as transaction:
            return await transaction.fetchval(_SQL["mac_at"], last["seq"]) == last["mac"]

    async def remove(self, scope: TenantScope) -> None:
        """The chain stays, and so do copies of earlier ones: they tell of the removal and of what was before it."""


def _contents(folder: Path) -> Contents:
    """Of an exported folder: a restored copy is held against it, record by record, by `platform audit verify`."""
    lines = (folder / _CHAIN).read_bytes().splitlines()
    earlier = sorted((folder / _EARLIER).glob("*.jsonl"))
    contents = {_LOG: Content(len(lines), checksum_of(lines), f"record {len(lines)}")}
    if earlier:
        records = [line for copy in earlier for line in copy.read_bytes().splitlines()]
        contents[_EARLIER] = Content(len(records), checksum_of(records))
    return contents
