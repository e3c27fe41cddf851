"""Import: a tenant out of the folder that an export wrote."""

from __future__ import annotations

import asyncio
from pathlib import Path

from core.audit import Actor
from core.audit.imported import ImportedChains
from core.db import TenantScope
from core.db.migrate import HEAD
from core.errors import InputError, TerminalError
from core.log import get_logger
from core.tenancy.moving.departure import named
from core.tenancy.moving.holding import Content, Holding, Holdings
from core.tenancy.moving.manifest import FILE, Manifest, digest_of_file
from core.tenancy.moving.passages import Passages
from core.tenancy.moving.removal import VACANT, undo_import
from core.tenancy.steps import Steps
from core.tenancy.stores import database_of, role_of
from core.tenancy.tenancy import Tenancy

_log = get_logger("tenancy")


class Arrival:
    """Brings tenants in.

    Args:
        tenancy: the registry.
        holdings: everything that is held of a tenant.
        imported: chains of other installations.
    """

    def __init__(self, tenancy: Tenancy, holdings: Holdings, imported: ImportedChains) -> None:
        self._tenancy = tenancy
        self._holdings = holdings
        self._imported = imported
        self._passages = Passages(tenancy)

    async def restore(
        self, source: Path, *, actor: Actor, server: str | None = None
    ) -> tuple[TenantScope, dict[str, Content]]:
        """Bring a tenant in from a folder that `export` wrote, under its slug and id; all of it or nothing.

        Nobody sees the tenant before everything is there, counted and held against the manifest. An import that was
        killed leaves an invisible half, which the next import clears away before it begins anew.

        Args:
            source: the folder.
            actor: who does it.
            server: where the database goes; see `DataStores.place`.

        Returns:
            The tenant, and what is there of it now.

        Raises:
            InputError: the folder is not a whole export, is newer than this product, or the slug is taken.
            TerminalError: what is there afterwards is not what was exported.
        """
        manifest = await asyncio.to_thread(Manifest.read, source)
        if manifest.schema > HEAD:
            raise InputError(
                "the export was written by a newer version",
                expected=f"schema {HEAD} or older",
                received=f"schema {manifest.schema} of version {manifest.product}",
                where=str(source),
                next_step="update this installation first",
            )
        async with self._passages.alone(manifest.tenant.slug):
            known = await self._tenancy.in_any_state(manifest.tenant.slug)
            if known is not None and known[1] == "importing":
                await undo_import(self._tenancy, self._holdings, known[0], actor)
            scope = await self._passages.begin_import(manifest.tenant, actor)
            try:
                found = await self._fill(scope, source, manifest, server)
                after = {"manifest": digest_of_file(source / FILE), **self._imported.told(scope.id)}
                await self._passages.finish_import(scope, manifest.tenant.status, after, actor)
            except BaseException:
                # Also when cancelled: half a tenant must not stay; the error itself goes on to the caller.
                _log.warning("import failed, what it made is removed", action="import", tenant=scope.slug)
                await asyncio.shield(undo_import(self._tenancy, self._holdings, scope, actor))
                raise
        return scope, found

    async def _fill(
        self, scope: TenantScope, source: Path, manifest: Manifest, server: str | None
    ) -> dict[str, Content]:
        steps = Steps(self._tenancy.platform, scope, "import")
        await self._tenancy.stores.place(scope, database_of(scope), role_of(scope), server)
        await steps.run(VACANT, lambda: self._refuse_remains(scope))
        await self._tenancy.creation.make_store(steps, scope, server)
        found: dict[str, Content] = {}

        async def bring(holding: Holding) -> None:
            found.update(named(holding, await holding.restore(scope, source / holding.name)))

        for holding in self._holdings.inwards:
            if (source / holding.name).is_dir():
                await steps.run(f"restore {holding.name}", lambda holding=holding: bring(holding))
        _compare(manifest, found, source)
        return found

    async def _refuse_remains(self, scope: TenantScope) -> None:
        for holding in self._holdings.inwards:
            remains = await holding.remains(scope)
            if remains is not None:
                raise InputError(
                    "something of a tenant that is not registered here is in the way of the import",
                    received=remains,
                    where=scope.slug,
                    next_step="find out whose it is, then move or remove it",
                )


def _compare(manifest: Manifest, found: dict[str, Content], source: Path) -> None:
    for name, exported in sorted(manifest.contents.items()):
        here = found.get(name, Content(0))
        # What was empty need not be there: a part without files has no folder, a newer version may have no such table.
        # The tenant's own tables are all there, whatever is in them.
        both_empty = here.rows == exported.rows == 0 and (name in found or not name.startswith("database."))
        if not both_empty and (here.rows, here.checksum) != (exported.rows, exported.checksum):
            raise TerminalError(
                f"what was imported is not what was exported: {name}",
                expected=f"{exported.rows} rows, checksum {exported.checksum}",
                received=f"{here.rows} rows, checksum {here.checksum}",
                where=str(source),
            )
