"""Sites of a tenant, the contract in force on each, and the bridge that speaks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from core.audit import Actor, Audit
from core.contracts.data_contract import DataContract
from core.contracts.odcs import check_against_site, parse_contract
from core.contracts.site import SiteFile
from core.db import Database, TenantScope, Transaction
from core.db.queries import load_queries
from core.errors import InputError, NotFoundError
from core.log import get_logger
from core.run.folder import RunFolder
from core.tenancy.keys import hash_of, new_key, prefix_for, prefix_of

_SQL = load_queries("core.tenancy")
_log = get_logger("tenancy")


@dataclass(frozen=True, slots=True)
class RegisteredSite:
    """A site as the platform knows it."""

    site: SiteFile
    contract: DataContract
    """The one in force."""
    bridge_id: str


@dataclass(frozen=True, slots=True)
class BridgeRecord:
    """A bridge as the platform knows it; `last_seen` is None until it first signed in."""

    bridge_id: str
    site: str
    key_file: str
    incarnation: str | None
    last_seen: datetime | None


class SiteRegistry:
    """Sites, contracts and bridges in the platform database, under row-level security.

    Every change commits together with its audit record; registering what is known already changes and records nothing.
    """

    def __init__(self, database: Database, run: RunFolder, audit: Audit) -> None:
        self._database = database
        self._run = run
        self._audit = audit

    async def register(
        self, scope: TenantScope, site: SiteFile, contract: DataContract, key_file: str, *, actor: Actor
    ) -> None:
        """Store a site and its contract, and make its bridge if it has none.

        Args:
            scope: the tenant; the site file must name the same one.
            site: replaces what was known of the site.
            contract: takes force; the one before is kept as history.
            key_file: name under `secrets/` for the key of a new bridge.
            actor: who does so.

        Raises:
            InputError: the site file names another tenant, or the contract does not fit the site.
        """
        if site.tenant != scope.slug:
            raise InputError(
                "the site file belongs to another tenant", expected=scope.slug, received=site.tenant, where=site.site
            )
        check_against_site(contract, site, where=site.contract_name)
        async with self._database.transaction(scope.id) as transaction:
            await transaction.execute(_SQL["lock_tenant"], scope.slug)
            definition = site.model_dump(mode="json", exclude_none=True)
            before = await transaction.fetchrow(_SQL["site_in_force"], site.site)
            site_id = await transaction.fetchval(_SQL["put_site"], scope.id, site.site, definition)
            await _put_contract(transaction, scope, site_id, contract)
            for action, was, now in _changes(before, definition, contract):
                self._audit.note(transaction, scope, actor, action, site.site, was, now)
            if await transaction.fetchrow(_SQL["bridge_of_site"], site_id):
                return
            key = self._key(scope, site.site, key_file)
            prefix = prefix_of(key)
            await transaction.execute(
                _SQL["add_bridge"], scope.id, site_id, f"{site.site}-bridge", prefix, hash_of(key), key_file
            )

    def _key(self, scope: TenantScope, site: str, key_file: str) -> str:
        # File before row: after a crash between the two the same key is taken up again.
        file = self._run.secrets / key_file
        prefix = prefix_for(str(scope.id), site)
        if file.exists() and prefix_of(kept := file.read_text(encoding="utf-8")) == prefix:
            return kept
        key = new_key(prefix)
        self._run.write_secret(key_file, key)
        return key

    async def replace_key(self, scope: TenantScope, site: str, *, actor: Actor) -> str:
        """Give a site's bridge a new key; the old one stops working. Returns the file's name under `secrets/`."""
        async with self._database.transaction(scope.id) as transaction:
            row = await transaction.fetchrow("select id from sites where site = $1", site)
            if row is None:
                raise NotFoundError("no such site", received=site)
            bridge = await transaction.fetchrow(_SQL["bridge_of_site"], row["id"])
            if bridge is None:
                raise NotFoundError("the site has no bridge", received=site)
            key = new_key(prefix_for(str(scope.id), site))
            await transaction.execute(_SQL["replace_bridge_key"], row["id"], hash_of(key))
            self._audit.note(transaction, scope, actor, "bridge.replace_key", site)
            self._run.write_secret(bridge["key_file"], key)
            return str(bridge["key_file"])

    async def all(self, scope: TenantScope) -> list[RegisteredSite]:
        """Every site of a tenant, by name."""
        rows = await self._fetch(scope, "registered_sites")
        return [
            RegisteredSite(
                site=SiteFile.model_validate(row["definition"]),
                contract=parse_contract(row["source"], where=f"contract of {row['site']}"),
                bridge_id=row["bridge_id"],
            )
            for row in rows
        ]

    async def contract(self, scope: TenantScope, site: str, sha256: str) -> DataContract | None:
        """A contract of a site, in force or superseded, by its hash."""
        rows = await self._fetch(scope, "contract_by_hash", site, sha256)
        return parse_contract(rows[0]["source"], where=f"contract of {site}") if rows else None

    async def bridges(self, scope: TenantScope) -> list[BridgeRecord]:
        """Every bridge of a tenant."""
        return [BridgeRecord(**row) for row in await self._fetch(scope, "bridges")]

    async def _fetch(self, scope: TenantScope, query: str, *args: object) -> list[dict[str, Any]]:
        async with self._database.transaction(scope.id, readonly=True) as transaction:
            return await transaction.fetch(_SQL[query], *args)


def _changes(
    before: Mapping[str, Any] | None, definition: dict[str, Any], contract: DataContract
) -> list[tuple[str, object, object]]:
    """Action, state before and state after of what a registration changes."""
    now = {"contract": contract.id, "version": contract.version, "sha256": contract.sha256}
    if before is None:
        return [("site.register", None, now)]
    changes: list[tuple[str, object, object]] = []
    if before["definition"] != definition:
        changes.append(("site.change", before["definition"], definition))
    was = {name: before[name] for name in now}
    if was != now:
        changes.append(("contract.activate", was, now))
    return changes


async def _put_contract(transaction: Transaction, scope: TenantScope, site_id: UUID, contract: DataContract) -> None:
    if await transaction.fetchval(_SQL["version_with_other_text"], site_id, contract.version, contract.sha256):
        _log.warning(
            "a contract changed without a new version",
            action="register",
            tenant=scope.slug,
            contract=contract.id,
            version=contract.version,
        )
    await transaction.execute(_SQL["retire_contracts"], site_id, contract.sha256)
    await transaction.execute(
        _SQL["put_contract"],
        scope.id,
        site_id,
        contract.id,
        contract.version,
        contract.sha256,
        contract.source,
    )
