"""What a module author tests with: a lake in memory with the real query face, a connector, a person, an audit trail.

The lake runs real DuckDB SQL over Arrow tables and hands out evidence that `rerun` runs again, as the real one does.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cache
from typing import Any
from uuid import UUID, uuid4

import pyarrow as pa

from core.contracts.evidence import Evidence
from core.errors import DeniedError, InputError, NotFoundError
from core.sdk.context import ToolContext, Vectors
from core.sdk.core_data import BridgeInstance, ModuleSubscription, Notification, TenantProfile, TenantUser
from core.sdk.testing_site import FakeSite
from core.vault.secret import Secret

_PARAMETER = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")


@dataclass(frozen=True, slots=True)
class FakeTenant:
    """A tenant that exists nowhere."""

    slug: str = "acme"
    name: str = "Acme"
    id: UUID = field(default_factory=uuid4)


@dataclass(frozen=True, slots=True)
class FakePerson:
    """Somebody signed in."""

    tenant: FakeTenant
    permissions: frozenset[str] = frozenset()
    email: str = "ana@example.com"
    name: str = "Ana"
    person_id: UUID = field(default_factory=uuid4)


@dataclass(slots=True)
class FakeAudit:
    """Keeps the records in a list."""

    records: list[dict[str, Any]] = field(default_factory=lambda: list[dict[str, Any]]())

    async def record(
        self, action: str, target: str, after: Mapping[str, Any], outcome: str, *, agent: str | None, request_id: str
    ) -> None:
        """Append one record."""
        self.records.append(
            {
                "action": action,
                "target": target,
                "after": dict(after),
                "outcome": outcome,
                "agent": agent,
                "request_id": request_id,
            }
        )


@dataclass(frozen=True, slots=True)
class FakeAnswer:
    """Rows and their evidence."""

    columns: list[str]
    rows: list[dict[str, Any]]
    evidence: list[Evidence]
    truncated: bool = False


class FakeLake:
    """One tenant's lake in memory.

    Args:
        tables: Arrow tables by full name, `gold.kpi_daily`.
        checks: results of checks, by full name of the table.
    """

    def __init__(self, tables: Mapping[str, pa.Table], checks: Mapping[str, dict[str, str]] | None = None) -> None:
        self._tables = dict(tables)
        self._checks = dict(checks or {})

    def query(self, sql: str, tables: Sequence[str], parameters: Mapping[str, object] = {}) -> FakeAnswer:
        """Run one SELECT over one table; see `lake.reader.LakeReader.query`."""
        if len(tables) != 1:
            raise InputError("a query reads exactly one table", received=", ".join(tables))
        written = _write_out(sql, parameters)
        columns, rows = self._run(tables[0], written)
        evidence = Evidence(
            store="delta",
            table=tables[0],
            version=0,
            partitions=[],
            rows=len(rows),
            as_of="2000-01-01T00:00:00+00:00",
            checks=self._checks.get(tables[0], {}),
            query=written,
        )
        return FakeAnswer(columns, rows, [evidence])

    def rerun(self, evidence: Evidence) -> list[dict[str, Any]]:
        """The rows that evidence speaks of."""
        return self._run(evidence.table, evidence.query)[1]

    def _run(self, table: str, sql: str) -> tuple[list[str], list[dict[str, Any]]]:
        import duckdb

        if table not in self._tables:
            raise NotFoundError("nothing was written to this table yet", where=table)
        layer, _, name = table.partition(".")
        with duckdb.connect(":memory:") as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.register("source", self._tables[table])
            connection.execute(f'CREATE SCHEMA "{layer}"')
            connection.execute(f'CREATE VIEW "{layer}"."{name}" AS SELECT * FROM "source"')  # noqa: S608  names of a test
            cursor = connection.execute(sql)
            columns = [str(column[0]) for column in cursor.description or []]
            return columns, [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]


class FakeData:
    """A connector over rows in memory; knows the calls that tools use.

    Args:
        tables: rows by table; a row that can be searched holds its vector under `embedding`.
    """

    def __init__(self, tables: Mapping[str, list[dict[str, Any]]]) -> None:
        self._tables = {name: list(rows) for name, rows in tables.items()}

    async def query(
        self,
        table: str,
        filters: Mapping[str, Any] | None = None,
        *,
        order_by: str | Sequence[str] | None = None,
        limit: int | None = None,
        columns: Sequence[str] | None = None,
    ) -> list[dict[str, Any]]:
        """Rows whose columns equal `filters`; `order_by` is one column, `desc` after it if descending."""
        wanted = dict(filters or {})
        rows = [row for row in self._rows(table) if all(row.get(key) == value for key, value in wanted.items())]
        if isinstance(order_by, str):
            column, _, direction = order_by.partition(" ")
            rows.sort(key=lambda row: row[column], reverse=direction.strip().lower() == "desc")
        return [{name: row[name] for name in columns or row} for row in rows[:limit]]

    async def vector_search(
        self, table: str, query_vector: Sequence[float], top_k: int = 10, *, filters: Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """The nearest rows by cosine distance, nearest first, with their `distance`."""

        def distance(row: dict[str, Any]) -> float:
            return 1 - sum(a * b for a, b in zip(query_vector, row["embedding"], strict=True))

        ranked = sorted(await self.query(table, filters), key=distance)[:top_k]
        return [{**{k: v for k, v in row.items() if k != "embedding"}, "distance": distance(row)} for row in ranked]

    def _rows(self, table: str) -> list[dict[str, Any]]:
        if table not in self._tables:
            raise NotFoundError("no such table", where=table)
        return self._tables[table]


@dataclass(slots=True)
class FakeCoreData:
    """Platform data in memory: whatever is put in comes out.

    Attributes:
        modules: codes of the modules the tenant has, each with its settings.
        secrets: values by module code and key.
    """

    modules: dict[str, dict[str, Any]] = field(default_factory=lambda: dict[str, dict[str, Any]]())
    secrets: dict[tuple[str, str], str] = field(default_factory=lambda: dict[tuple[str, str], str]())
    users: list[TenantUser] = field(default_factory=lambda: list[TenantUser]())
    bridges: list[BridgeInstance] = field(default_factory=lambda: list[BridgeInstance]())
    notifications: list[Notification] = field(default_factory=lambda: list[Notification]())
    person: FakePerson = field(default_factory=lambda: FakePerson(FakeTenant()))
    module_code: str | None = None

    async def get_current_tenant(self) -> TenantProfile:
        """The person's tenant."""
        tenant = self.person.tenant
        return TenantProfile(tenant.id, tenant.slug, tenant.name, "active", (), "main")

    async def get_tenant_users(self, *, role: str | None = None, active: bool | None = None) -> list[TenantUser]:
        """The users with a role and a state."""
        return [one for one in self.users if role in (None, *one.roles) and active in (None, one.active)]

    async def get_user_permissions(self, module_code: str) -> frozenset[str]:
        """The person's permissions, all of them: there is no manifest to tell whose they are."""
        return self.person.permissions if module_code in self.modules else frozenset()

    async def get_tenant_subscriptions(self) -> list[ModuleSubscription]:
        """The modules, all at version 1.0.0."""
        return [ModuleSubscription(code, "1.0.0", datetime(2000, 1, 1, tzinfo=UTC)) for code in sorted(self.modules)]

    async def get_module_settings(self, module_code: str) -> Mapping[str, Any]:
        """A module's settings."""
        if module_code not in self.modules:
            raise DeniedError(f"module {module_code} is not subscribed")
        return self.modules[module_code]

    async def get_active_bridges(self) -> list[BridgeInstance]:
        """The bridges."""
        return self.bridges

    async def get_notifications(self, limit: int = 50) -> list[Notification]:
        """The notifications."""
        return self.notifications[:limit]

    async def get_secret(self, key: str, *, purpose: str) -> Secret:
        """A secret of the module this is bound to."""
        del purpose
        if self.module_code is None:
            raise DeniedError("only a module reads its secrets")
        if (self.module_code, key) not in self.secrets:
            raise NotFoundError("no such secret in the vault", received=key)
        return Secret(self.secrets[self.module_code, key])

    async def has_module(self, module_code: str) -> bool:
        """Whether it is among the modules."""
        return module_code in self.modules

    def within(self, module_code: str, agent: str | None) -> FakeCoreData:
        """The same, bound to one module."""
        del agent
        return replace(self, module_code=module_code)


def tool_context(
    *,
    permissions: Sequence[str] = (),
    subscriptions: Sequence[str] = (),
    lake: FakeLake | None = None,
    data: FakeData | None = None,
    embedder: Callable[[list[str]], Awaitable[Vectors]] | None = None,
    bridges: FakeSite | None = None,
    tenant: FakeTenant | None = None,
    audit: FakeAudit | None = None,
    agent: str | None = None,
    core: FakeCoreData | None = None,
    module_code: str | None = None,
    settings: Mapping[str, Any] | None = None,
) -> ToolContext:
    """A context as the platform builds it, over fakes; with a module's code, as that module gets it.

    For whoever brings no `core`, the modules have the given settings, else the defaults of those that come with the
    product.
    """
    owner = tenant or FakeTenant()
    codes = {*subscriptions, *([module_code] if module_code else [])}
    known = core or FakeCoreData({code: _defaults(code) if settings is None else dict(settings) for code in codes})
    return ToolContext(
        tenant=owner,
        identity=FakePerson(owner, frozenset(permissions)),
        subscriptions=frozenset(subscriptions),
        audit=audit or FakeAudit(),
        agent=agent,
        lake=lake,
        data=data,
        embedder=embedder,
        bridges=bridges,
        core=known.within(module_code, agent) if module_code else known,
        module_code=module_code,
    )


def _defaults(module_code: str) -> dict[str, Any]:
    return dict(_declared().get(module_code, {}))


@cache
def _declared() -> dict[str, dict[str, Any]]:
    from core.sdk.loader import builtin_manifests

    return {one.module_code: {key: form.default for key, form in one.settings.items()} for one in builtin_manifests()}


def _write_out(sql: str, parameters: Mapping[str, object]) -> str:
    used = set(_PARAMETER.findall(sql))
    odd = sorted(used ^ set(parameters))
    if odd:
        raise InputError("parameters and placeholders differ", received=", ".join(odd), where=sql)
    return _PARAMETER.sub(lambda match: _literal(parameters[match[1]]), sql)


def _literal(value: object) -> str:
    match value:
        case None:
            return "NULL"
        case bool():
            return str(value).upper()
        case int() | float():
            return repr(value)
        case datetime():
            return f"TIMESTAMPTZ '{value.isoformat(sep=' ')}'"
        case date():
            return f"DATE '{value.isoformat()}'"
        case list() | tuple():
            return f"[{', '.join(_literal(item) for item in value)}]"  # pyright: ignore[reportUnknownVariableType]  items are checked one by one
        case _:
            return "'" + str(value).replace("'", "''") + "'"
