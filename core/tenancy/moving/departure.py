"""Export: everything of a tenant into a new folder."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from core.audit import Actor
from core.db import TenantScope
from core.db.migrate import HEAD
from core.db.queries import load_queries
from core.errors import InputError
from core.tenancy.moving.holding import Content, Contents, Holding, Holdings
from core.tenancy.moving.manifest import FORMAT, ExportedTenant, Manifest, digests
from core.tenancy.tenancy import Tenancy

_SQL = load_queries("core.tenancy.moving", "passages.sql")
_NOTES = (
    "this folder holds password hashes, bridge keys and all data of the tenant: keep it as safe as the installation",
    "the audit log is a copy to read: it is proven with the key of the installation that wrote it",
)
_AT_WORK = (
    "the tenant was at work: each part is as of its position in this manifest, and what arrived later is not here;"
    " suspend a tenant before it moves"
)
_NO_SECRETS = "no secrets of the vault are here: the tenant has none, or export with --secrets to take them along"
_SECRETS = "secrets of the vault are sealed: they open with the key file that was written apart from this folder"


class Departure:
    """Writes tenants out.

    Args:
        tenancy: the registry.
        holdings: everything that is held of a tenant.
    """

    def __init__(self, tenancy: Tenancy, holdings: Holdings) -> None:
        self._tenancy = tenancy
        self._holdings = holdings

    async def export(self, scope: TenantScope, to: Path, *, actor: Actor) -> Manifest:
        """Write a tenant into a new folder, readable by nobody else; the folder is there when it is whole.

        The tenant may go on working: each database is copied as of one moment, each lake table at one version, each
        topic up to one offset, in an order in which nothing refers to what was not copied; the manifest says as of
        where. A run that was cut off leaves `<folder>.part`, which the next one clears away.

        Raises:
            InputError: the folder exists already or cannot be written.
        """
        part = _new_folder(to)
        contents: dict[str, Content] = {}
        try:
            for holding in self._holdings.outwards:
                folder = part / holding.name
                folder.mkdir()
                contents |= named(holding, await holding.export(scope, folder))
                if not any(folder.iterdir()):
                    folder.rmdir()
            manifest = await self._manifest(scope, contents, await asyncio.to_thread(digests, part))
            digest = manifest.write(part)
            part.rename(to)
        except OSError as error:
            raise InputError("the export cannot be written", received=error.strerror, where=str(part)) from error
        await self._tenancy.audit.record(scope, actor, "tenant.export", scope.slug, after={"manifest": digest})
        return manifest

    async def _manifest(self, scope: TenantScope, contents: dict[str, Content], files: dict[str, str]) -> Manifest:
        async with self._tenancy.platform.transaction(scope.id, readonly=True) as transaction:
            created_at = await transaction.fetchval(_SQL["created_at"])
        status = await self._tenancy.status(scope)
        tenant = ExportedTenant(scope.id, scope.slug, scope.name, status, created_at.isoformat())
        notes = [*_NOTES, _SECRETS if f"{self._holdings.secrets.name}.secrets" in contents else _NO_SECRETS]
        if status != "suspended":
            notes.insert(0, _AT_WORK)
        chain = await self._tenancy.audit.verify(scope)
        if not chain.ok:
            notes.insert(0, f"the audit chain was broken already, at record {chain.broken_at}: {chain.reason}")
        exported_at = datetime.now(UTC).isoformat(timespec="seconds")
        return Manifest(FORMAT, version("goldlayer"), HEAD, exported_at, tenant, contents, files, notes)


def named(holding: Holding, contents: Contents) -> dict[str, Content]:
    """Contents under the names a manifest gives them."""
    return {f"{holding.name}.{name}": content for name, content in contents.items()}


def _new_folder(to: Path) -> Path:
    """The folder an export grows in, beside the one it becomes; what a killed export left there is removed."""
    part = to.with_name(f"{to.name}.part")
    if to.exists():
        raise InputError("the folder of an export must be new", received=str(to), next_step="name another one")
    try:
        shutil.rmtree(part, ignore_errors=True)
        to.parent.mkdir(parents=True, exist_ok=True)
        part.mkdir(mode=0o700)
        part.chmod(0o700)
    except OSError as error:
        raise InputError("the folder of the export cannot be made", received=error.strerror, where=str(part)) from error
    return part
