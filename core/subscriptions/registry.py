"""The catalogue of modules in the platform database, written from their manifests."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from core.audit import Actor
from core.db.queries import load_queries
from core.log import get_logger
from core.sdk.manifest import Manifest
from core.tenancy import Tenancy

_SQL = load_queries("core.subscriptions")
_log = get_logger("subscriptions")


@dataclass(frozen=True, slots=True)
class RegisteredModule:
    """A module as the catalogue has it; one that is not active is no longer installed."""

    module_code: str
    version: str
    manifest: dict[str, Any]
    active: bool


class ModuleRegistry:
    """Keeps the catalogue equal to what is installed."""

    def __init__(self, tenancy: Tenancy) -> None:
        self._tenancy = tenancy

    async def sync(self, manifests: Iterable[Manifest], *, actor: Actor) -> list[str]:
        """Write what is new or changed and withdraw what is gone; returns their codes. Costs one look if nothing is.

        Args:
            manifests: of every installed module.
            actor: who starts it.
        """
        wanted = {one.module_code: as_json(one) for one in manifests}
        known = {one.module_code: one for one in await self.all()}
        news = [
            code
            for code, manifest in wanted.items()
            if code not in known or not known[code].active or known[code].manifest != manifest
        ]
        gone = [code for code, one in known.items() if one.active and code not in wanted]
        if not news and not gone:
            return []
        async with self._tenancy.admin.open(actor, "write the catalogue of modules") as admin:
            for code in news:
                await admin.execute(_SQL["register"], code, wanted[code]["module_version"], wanted[code])
                before = known[code].version if code in known else None
                after = wanted[code]["module_version"]
                self._tenancy.admin.note(admin, actor, "module.register", code, before, after)
            for code in gone:
                await admin.execute(_SQL["withdraw"], code)
                self._tenancy.admin.note(admin, actor, "module.withdraw", code, known[code].version)
        _log.info("the catalogue of modules has changed", action="register", registered=news, withdrawn=gone)
        return [*news, *gone]

    async def all(self) -> list[RegisteredModule]:
        """Every module that was ever installed, by code."""
        return [RegisteredModule(**row) for row in await self._tenancy.platform.fetch(_SQL["registered"])]


def as_json(manifest: Manifest) -> dict[str, Any]:
    """A manifest as the catalogue keeps it; equal manifests give equal values."""
    return json.loads(manifest.model_dump_json(exclude_defaults=True))
