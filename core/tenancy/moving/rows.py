"""A tenant's rows of the platform database: every table with a tenant's id, found by walking the catalogue.

A table that somebody adds later travels without a word here.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

from core.audit import Actor
from core.db import Database, TenantScope, Transaction
from core.db.identifiers import quote_identifier
from core.db.queries import load_queries
from core.db.roles import OWNER, PLATFORM
from core.errors import InputError
from core.run.postgres import Postgres
from core.tenancy.moving.checksum import checksum_of
from core.tenancy.moving.holding import Content, Contents
from core.tenancy.tenancy import Tenancy

_SQL = load_queries("core.tenancy.moving", "rows.sql")
PEOPLE = "people"
_MEMBERSHIPS, _BRIDGES, _SUBSCRIPTIONS = "memberships", "bridges", "tenant_module_subscriptions"
STAYS: Mapping[str, str] = {
    "audit_log": "the chain belongs to the installation whose key it was written with; `history` takes a copy along",
    "tenant_consents": "given among the tenants of one installation; elsewhere there are others",
    "tenant_data_stores": "where the database is, each installation decides",
    "tenant_steps": "how far this installation's own operations came",
    "sessions": "whoever is signed in here is not signed in elsewhere",
    "refresh_tokens": "they continue sessions, which stay",
    "used_sign_ins": "words that were used up here, at doors that are here",
    "vault_keys": "wrapped by a master key that stays here; `secrets` takes them along under another",
    "vault_secrets": "worthless without those keys; `secrets` takes them along",
}
"""Tables that these rows leave out, and why."""
_OUTLIVE = frozenset(("audit_log", "tenant_data_stores", "tenant_steps"))
"""Tables a removal needs, or leaves, to its end."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a tenant's id.

    Attributes:
        name: in the schema `public`.
        parents: tables its rows refer to.
        columns: those that can be written.
        numbered_by: the column the server numbers rows by, if any: it is numbered anew elsewhere, in the same order.
    """

    name: str
    parents: tuple[str, ...]
    columns: tuple[str, ...]
    numbered_by: str | None = None


@dataclass(frozen=True, slots=True)
class _Brought:
    """Who came along.

    Attributes:
        renaming: the id here by the id there, of those who are known by another id here.
        strangers: ids of those whose password is another one here.
        addresses: by the id here.
    """

    renaming: Mapping[str, str]
    strangers: Collection[str]
    addresses: Mapping[str, str]


class PlatformRows:
    """Implements `Holding`, over the platform database.

    Reading and writing happens as the tables' owner in a transaction of the tenant: the policies hold it, so not even
    a forged export can bring a row of another tenant in. People are everybody's: they come and go through the
    administrator's door, and steps keep who came along, so that nobody is left over whenever it is cut off.

    Args:
        tenancy: the registry.
        postgres: the installation's own server.
        actor: who goes through the door.
    """

    name = "platform"

    def __init__(self, tenancy: Tenancy, postgres: Postgres, actor: Actor) -> None:
        self._tenancy = tenancy
        self._postgres = postgres
        self._actor = actor

    async def export(self, scope: TenantScope, to: Path) -> Contents:
        """One JSON Lines file a table; people with their password hashes, so that they can sign in elsewhere."""
        contents: dict[str, Content] = {}
        async with self._owner(scope, readonly=True, isolation="repeatable_read") as transaction:
            for table in await tables(transaction, STAYS.keys()):
                contents[table.name] = _write(to, table.name, await _lines(transaction, _rows_of(table)))
        members = [json.loads(line)["person_id"] for line in _read(to, _MEMBERSHIPS)]
        contents[PEOPLE] = _write(to, PEOPLE, await self._people(scope, members))
        return contents

    async def _people(self, scope: TenantScope, ids: Sequence[str]) -> list[str]:
        async with self._tenancy.admin.open(self._actor, f"read the people of {scope.slug}", readonly=True) as admin:
            await admin.execute(_SQL["spelling"])
            return await _lines(admin, _SQL["people"], ids)

    async def remains(self, scope: TenantScope) -> str | None:  # noqa: ARG002  the port's signature
        """Nothing: every row belongs to a registered tenant."""
        return None

    async def restore(self, scope: TenantScope, source: Path) -> Contents:
        """All rows in one transaction; a person this installation knows already stays who they are here."""
        await self._refuse_unknown_modules(source)
        people = await self._bring_people(scope, _read(source, PEOPLE))
        bridges = [await self._with_free_key_file(scope, line) for line in _read(source, _BRIDGES)]
        contents: dict[str, Content] = {}
        async with self._owner(scope) as transaction:
            for table in await tables(transaction, STAYS.keys()):
                lines = _read(source, table.name)
                here = [_renamed(line, people.renaming) for line in (bridges if table.name == _BRIDGES else lines)]
                if table.name == _MEMBERSHIPS:
                    here = [_member(line, people) for line in here]
                if here:
                    await transaction.execute(_insert(table, here), here)
                found = await _lines(transaction, _rows_of(table))
                contents[table.name] = _found(table, lines, here, found)
            members = [str(row["id"]) for row in await transaction.fetch(_SQL["members"])]
        brought = await self._people(scope, members)
        contents[PEOPLE] = Content(len(brought), _checksum(PEOPLE, brought))
        return contents

    async def _refuse_unknown_modules(self, source: Path) -> None:
        wanted = {json.loads(line)["module_code"] for line in _read(source, _SUBSCRIPTIONS)}
        missing = wanted - {row["code"] for row in await self._tenancy.platform.fetch(_SQL["modules"])}
        if missing:
            raise InputError(
                "the tenant has modules that are not installed here",
                expected=", ".join(sorted(missing)),
                next_step="install them first",
            )

    async def _bring_people(self, scope: TenantScope, lines: Sequence[str]) -> _Brought:
        """People in: whoever has the same id here, or the same address and password, is the same person."""
        people = {str(row["id"]): str(row["email"]).lower() for row in map(json.loads, lines)}
        passwords = {str(row["id"]): row["password_hash"] for row in map(json.loads, lines)}
        async with self._tenancy.admin.open(self._actor, f"bring in the people of {scope.slug}") as admin:
            rows = await admin.fetch(_SQL["known_people"], list(people), list(people.values()))
            same = {(row["email"], row["password_hash"]): str(row["id"]) for row in rows if row["password_hash"]}
            known = {str(row["id"]): row for row in rows}
            renaming = {
                id: same[email, passwords[id]]
                for id, email in people.items()
                if id not in known and (email, passwords[id]) in same
            }
            strangers = {id for id in people if id in known and known[id]["password_hash"] != passwords[id]}
            addresses = people | {id: str(row["email"]) for id, row in known.items()}
            fresh = [line for line, id in zip(lines, people, strict=True) if id not in known and id not in renaming]
            async with self._owner(scope) as transaction:
                ids = [json.loads(line)["id"] for line in fresh]
                await transaction.execute(_SQL["note_people"], scope.id, "import", ids)
            if fresh:
                columns = [row["column"] for row in await admin.fetch(_SQL["columns_of"], PEOPLE)]
                await admin.execute(_insert(Table(PEOPLE, (), tuple(columns)), fresh), fresh)
        return _Brought(renaming, strangers, addresses)

    async def _with_free_key_file(self, scope: TenantScope, line: str) -> str:
        """A bridge's row; two tenants may name a site alike, their key files must not be the same."""
        row = json.loads(line)
        if not await self._tenancy.platform.fetchval(_SQL["key_file_taken"], row["key_file"]):
            return line
        return json.dumps(row | {"key_file": f"bridges/{scope.slug}.{row['bridge_id']}.key"})

    async def remove(self, scope: TenantScope) -> None:
        """Every row but the audit's, children before parents, and people who belong to no other tenant."""
        async with self._owner(scope) as transaction:
            members = [row["id"] for row in await transaction.fetch(_SQL["members"])]
            await transaction.execute(_SQL["note_people"], scope.id, "remove", members)
        async with self._owner(scope) as transaction:
            for table in reversed(await tables(transaction, _OUTLIVE)):
                await transaction.execute(_on("remove_rows", table, ()))
            people = [row["id"] for row in await transaction.fetch(_SQL["noted_people"])]
        if people:
            async with self._tenancy.admin.open(self._actor, f"remove the people of {scope.slug} alone") as admin:
                await admin.execute(_SQL["remove_people"], people)

    @asynccontextmanager
    async def _owner(
        self, scope: TenantScope, *, readonly: bool = False, isolation: str | None = None
    ) -> AsyncGenerator[Transaction]:
        async with (
            await Database.open(self._postgres.dsn(PLATFORM, OWNER), max_size=1) as database,
            database.transaction(scope.id, readonly=readonly, isolation=isolation) as transaction,
        ):
            await transaction.execute(_SQL["spelling"])
            yield transaction


async def tables(transaction: Transaction, without: Collection[str]) -> list[Table]:
    """Tables with a tenant's id, parents first."""
    found = {
        row["table"]: Table(row["table"], tuple(row["parents"]), tuple(row["columns"]), row["numbered_by"])
        for row in await transaction.fetch(_SQL["tables_of_tenants"])
        if row["table"] not in without
    }
    order = TopologicalSorter({name: set(table.parents) & found.keys() for name, table in found.items()})
    return [found[name] for name in order.static_order()]


def _on(query: str, table: Table, columns: Collection[str]) -> str:
    """A statement over a table, with identifiers where the file has `{table}` and `{columns}`."""
    listed = ", ".join(quote_identifier(column) for column in table.columns if column in columns)
    return _SQL[query].replace("{table}", quote_identifier(table.name)).replace("{columns}", listed)


def _rows_of(table: Table) -> str:
    return _on("rows", table, table.columns).replace("{order}", quote_identifier(table.numbered_by or table.columns[0]))


def _insert(table: Table, lines: Sequence[str]) -> str:
    """For all rows at once, so that rows of one table may refer to each other.

    Only columns that the export has: what was added since gets its default.
    """
    return _on("add_rows", table, json.loads(lines[0]).keys())


def _renamed(line: str, renaming: Mapping[str, str]) -> str:
    """A row with the ids that people have here; an id is unique, so wherever it stands it means the person."""
    for there, here in renaming.items():
        line = line.replace(there, here)
    return line


def _member(line: str, people: _Brought) -> str:
    """A membership of whoever it is here; a password that is another one here, and not this tenant's, opens it not."""
    row = json.loads(line)
    row["address"] = people.addresses.get(row["person_id"], "")
    return json.dumps(row | {"by_password": False} if row["person_id"] in people.strangers else row)


def _found(table: Table, exported: Sequence[str], brought: Sequence[str], found: Sequence[str]) -> Content:
    """What is there, told as the export told it: ids of people and new columns differ between installations."""
    common = set(table.columns) & (set(json.loads(brought[0])) if brought else set())
    same = _checksum(table.name, brought, common) == _checksum(table.name, found, common)
    return Content(len(found), _checksum(table.name, exported if same else found))


def _checksum(table: str, lines: Sequence[str], columns: Collection[str] | None = None) -> str:
    """Over the rows' columns; of people the addresses alone, as their names and passwords are each installation's."""
    rows = (json.loads(line) for line in lines)
    if table == PEOPLE:
        return checksum_of(row["email"].lower().encode() for row in rows)
    chosen = ({name: row[name] for name in row if columns is None or name in columns} for row in rows)
    return checksum_of(json.dumps(row, sort_keys=True).encode() for row in chosen)


async def _lines(transaction: Transaction, sql: str, *args: object) -> list[str]:
    return [row["line"] for row in await transaction.fetch(sql, *args)]


def _write(folder: Path, table: str, lines: Sequence[str]) -> Content:
    (folder / f"{table}.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return Content(len(lines), _checksum(table, lines))


def _read(folder: Path, table: str) -> list[str]:
    """Lines of a table's file; none if the export is older than the table."""
    file = folder / f"{table}.jsonl"
    return file.read_text(encoding="utf-8").split("\n")[:-1] if file.exists() else []
