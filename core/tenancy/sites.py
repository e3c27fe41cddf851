"""Sites of a tenant and the contract in force on each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from core.audit import Actor, Audit
from core.contracts.data_contract import DataContract
from core.contracts.odcs import check_against_site, parse_contract
from core.contracts.site import SiteFile
from core.db import Database, TenantScope, Transaction
from core.db.queries import load_queries
from core.errors import InputError
from core.log import get_logger
from core.tenancy.bridges import Bridges

_SQL = load_queries("core.tenancy")
_log = get_logger("tenancy")


@dataclass(frozen=True, slots=True)
class FormerTerms:
    """What was in force on a site before."""

    contract: DataContract
    site: SiteFile | None
    """As it was described then; None where nobody kept it."""


@dataclass(frozen=True, slots=True)
class RegisteredSite:
    """A site as the platform knows it."""

    site: SiteFile
    contract: DataContract
    """The one in force."""
    bridge_id: str
    former: tuple[FormerTerms, ...] = ()
    """What was in force before, the oldest first, of sites read with their history."""


class SiteRegistry:
    """Sites and their contracts in the platform database, under row-level security.

    Every change commits together with its audit record; registering what is known already changes and records nothing.
    """

    def __init__(self, database: Database, bridges: Bridges, audit: Audit) -> None:
        self._database = database
        self._bridges = bridges
        self._audit = audit

    async def register(
        self, scope: TenantScope, site: SiteFile, contract: DataContract, *, actor: Actor
    ) -> RegisteredSite:
        """Store a site and its contract, and make its bridge if it has none.

        Args:
            scope: the tenant; the site file must name the same one.
            site: replaces what was known of the site.
            contract: takes force; the one before is kept as history.
            actor: who does so.

        Raises:
            InputError: the site file names another tenant, or the contract does not fit the site.
        """
        if site.tenant != scope.slug:
            raise InputError(
                "the site file belongs to another tenant", expected=scope.slug, received=site.tenant, where=site.site
            )
        check_against_site(contract, site, where=site.contract_name)
        key_file = await self._bridges.key_file(scope, site.site)
        async with self._database.transaction(scope.id) as transaction:
            await transaction.execute(_SQL["lock_tenant"], scope.slug)
            definition = site.model_dump(mode="json", exclude_none=True)
            before = await transaction.fetchrow(_SQL["site_in_force"], site.site)
            site_id = await transaction.fetchval(_SQL["put_site"], scope.id, site.site, definition)
            await _put_contract(transaction, scope, site_id, contract)
            await transaction.execute(_SQL["note_terms"], scope.id, site_id, definition)
            if before is not None and before["version"] == contract.version:
                _warn_of_units(scope, SiteFile.model_validate(before["definition"]), site, contract)
            for action, was, now in _changes(before, definition, contract):
                self._audit.note(transaction, scope, actor, action, site.site, was, now)
            await self._bridges.ensure(transaction, scope, site.site, site_id, key_file)
        return {one.site.site: one for one in await self.all(scope)}[site.site]

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

    async def with_history(self, scope: TenantScope) -> list[RegisteredSite]:
        """The same with what was in force before."""
        found: dict[str, list[FormerTerms]] = {}
        for row in await self._fetch(scope, "terms"):
            contract = parse_contract(row["source"], where=f"a contract of {row['site']}")
            site = SiteFile.model_validate(row["definition"]) if row["definition"] else None
            found.setdefault(row["site"], []).append(FormerTerms(contract, site))
        return [
            replace(
                one, former=tuple(was for was in found[one.site.site] if was != FormerTerms(one.contract, one.site))
            )
            for one in await self.all(scope)
        ]

    async def contract(self, scope: TenantScope, site: str, sha256: str) -> DataContract | None:
        """A contract of a site, in force or superseded, by its hash."""
        rows = await self._fetch(scope, "contract_by_hash", site, sha256)
        return parse_contract(rows[0]["source"], where=f"contract of {site}") if rows else None

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


def _warn_of_units(scope: TenantScope, before: SiteFile, now: SiteFile, contract: DataContract) -> None:
    """Say what a changed unit means under the same version: a correction, of all that was ever sent under it."""
    was = before.signals_of_type()
    for kind, signals in now.signals_of_type().items():
        for name, signal in signals.items():
            known = was.get(kind, {}).get(name)
            if known is not None and known.unit != signal.unit:
                _log.warning(
                    "a unit changed without a new contract version: all readings of that version are taken to be in it",
                    action="register",
                    tenant=scope.slug,
                    signal=f"{kind}.{name}",
                    was=known.unit,
                    unit=signal.unit,
                    version=contract.version,
                )


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
