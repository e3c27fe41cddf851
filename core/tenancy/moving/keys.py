"""Key files of a tenant's bridges; the platform database keeps only their hashes."""

from __future__ import annotations

from pathlib import Path

from core.db import TenantScope
from core.run.folder import RunFolder
from core.tenancy.moving.checksum import checksum_of
from core.tenancy.moving.holding import Content, Contents
from core.tenancy.tenancy import Tenancy


class BridgeKeys:
    """Implements `Holding`; restored after the rows, which say where each file goes, and removed before them."""

    name = "keys"

    def __init__(self, tenancy: Tenancy, run: RunFolder) -> None:
        self._tenancy = tenancy
        self._run = run

    async def export(self, scope: TenantScope, to: Path) -> Contents:
        """One file a bridge, under the bridge's id; those that were carried to their site are not there."""
        files = await self._files(scope)
        for name, file in files.items():
            (to / f"{name}.key").write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
        return _content(files)

    async def remains(self, scope: TenantScope) -> str | None:  # noqa: ARG002  the port's signature
        """Nothing: a file that is in the way is somebody's, and this tenant's gets another name."""
        return None

    async def restore(self, scope: TenantScope, source: Path) -> Contents:
        """Write each where the bridge's row says."""
        for bridge in await self._tenancy.bridges(scope):
            file = source / f"{bridge.bridge_id}.key"
            if file.exists():
                self._run.write_secret(bridge.key_file, file.read_text(encoding="utf-8"))
        return _content(await self._files(scope))

    async def remove(self, scope: TenantScope) -> None:
        """Remove the files."""
        for file in (await self._files(scope)).values():
            file.unlink(missing_ok=True)

    async def _files(self, scope: TenantScope) -> dict[str, Path]:
        files = {bridge.bridge_id: self._run.secrets / bridge.key_file for bridge in await self._tenancy.bridges(scope)}
        return {name: file for name, file in files.items() if file.exists()}


def _content(files: dict[str, Path]) -> Contents:
    return {"bridges": Content(len(files), checksum_of(file.read_bytes() for file in files.values()))}
