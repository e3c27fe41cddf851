"""The platform database as its own catalogue tells it: what every table, policy, key, grant and role must be.

Each check is a query that names offenders, and each is shown something careless that it must find.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

import pytest

from core.audit import Actor
from core.db import Database
from core.db.queries import parse_queries
from core.tenancy import Tenancy

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.integration
_FILE = Path(__file__).with_name("offenders.sql")
_CHECKS = parse_queries(_FILE.read_text(encoding="utf-8"), where=_FILE.name)
_CARELESS = "create table careless (tenant_id uuid not null, id uuid primary key, unique (tenant_id, id))"
_MISTAKES: dict[str, tuple[str, set[str]]] = {
    "unprotected": (f"{_CARELESS}; alter table careless enable row level security", {"careless"}),
    "elsewhere": ("create schema aside; create table aside.careless (tenant_id uuid)", {"aside.careless"}),
    "look_through": ("create view everybody as select * from people", {"everybody"}),
    "tenantless": ("create table careless (id uuid)", {"careless"}),
    "unpoliced": (
        f"{_CARELESS}; create policy own on careless for select using (tenant_id = current_tenant())",
        {"careless a", "careless w", "careless d"},
    ),
    "indifferent": (
        "create policy all_of_them on sites for select to goldlayer_app using (true)", {"sites all_of_them"},
    ),
    "owned": (f"{_CARELESS}; alter table careless owner to goldlayer_app", {"careless"}),
    "mighty": ("alter role goldlayer_app bypassrls; grant goldlayer_owner to goldlayer_app", {
        "goldlayer_app", "goldlayer_app as goldlayer_owner"}),
    "crossing": (
        "create table careless (tenant_id uuid not null, site_id uuid constraint naked references sites (id))",
        {"careless naked"},
    ),
    "granted": (
        f"{_CARELESS}; grant all on careless to goldlayer_app; grant update on audit_log to goldlayer_admin",
        {
            "goldlayer_app TRUNCATE careless", "goldlayer_app REFERENCES careless", "goldlayer_app TRIGGER careless",
            "goldlayer_app MAINTAIN careless", "goldlayer_admin UPDATE audit_log",
        },
    ),
    "needless": ("grant select (locked_until) on people to goldlayer_lookup", {"people.locked_until"}),
    "open_functions": (
        "create function peek() returns bigint language sql security definer return (select count(*) from tenants)",
        {"peek"},
    ),
    "default_grants": (
        "alter default privileges for role goldlayer_owner grant all on tables to goldlayer_app", {"goldlayer_owner r"},
    ),
}  # fmt: skip


async def _offenders(prepared: Installation, check: str, mistake: str | None = None) -> set[str]:
    """Who a check names, after a mistake that is undone again."""
    async with await Database.open(prepared.postgres.dsn("platform"), max_size=1) as database:
        with pytest.raises(_UndoneError) as told:
            async with database.transaction() as transaction:
                if mistake:
                    await transaction.execute(mistake)
                raise _UndoneError({row["name"] for row in await transaction.fetch(_CHECKS[check])})
        return told.value.found


class _UndoneError(Exception):
    def __init__(self, found: set[str]) -> None:
        self.found = found


@pytest.mark.parametrize("check", _CHECKS)
async def test_nothing_offends(prepared: Installation, check: str):
    assert await _offenders(prepared, check) == set()


@pytest.mark.parametrize("check", _CHECKS)
async def test_a_mistake_is_named(prepared: Installation, check: str):
    mistake, offenders = _MISTAKES[check]

    assert await _offenders(prepared, check, mistake) == offenders


@pytest.mark.parametrize("role", ["goldlayer_app", "goldlayer_owner", "goldlayer_lookup"])
@pytest.mark.parametrize("tenant", [None, uuid4()])
async def test_without_a_tenant_or_with_one_that_is_none_every_table_is_empty(
    prepared: Installation, tenancy: Tenancy, role: str, tenant: UUID | None
):
    await tenancy.create("catalogued-co", "Catalogued", actor=Actor.command("test"))
    async with await Database.open(prepared.postgres.dsn("platform"), max_size=1) as database:
        tables = await database.fetch(
            "select relname, has_table_privilege($1, oid, 'select') as open from pg_class"
            " where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace"
            " and relname not in ('alembic_version', 'request_rates')",
            role,
        )
        async with database.transaction(tenant) as transaction:
            await transaction.execute(f"set local role {role}")
            seen = {
                table["relname"]: await transaction.fetchval(f"select count(*) from {table['relname']}")
                for table in tables
                if table["open"]
            }
    # Which modules there are is nobody's secret.
    assert {name for name, rows in seen.items() if rows} <= {"module_registry", "module_platform_settings"}
    assert len(seen) == (0 if role == "goldlayer_lookup" else len(tables))
