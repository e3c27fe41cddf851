"""Two tenants with their databases and one lake, as assets see them."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace

import polars as pl
import pytest

from assets.databases import TenantDatabases
from assets.incidents import DEVIATIONS, EPISODES, HEALTH
from core.audit import Actor
from core.tenancy import Tenancy, init_platform
from lake.spec import TableSpec
from lake.store import TenantLake

_ACTOR = Actor.command("test")
TENANTS = ("serving-one", "serving-two")
MONDAY = date(2024, 3, 4)


@pytest.fixture(scope="session")
def databases(installation: SimpleNamespace) -> TenantDatabases:
    """The databases of the tenants `serving-one` and `serving-two`."""

    async def make() -> None:
        await init_platform(installation.run, installation.postgres, installation.settings)
        async with await Tenancy.open(installation.run, installation.postgres, installation.settings) as tenancy:
            for slug in TENANTS:
                await tenancy.create(slug, slug, actor=_ACTOR)

    asyncio.run(make())
    return TenantDatabases(run=str(installation.run.path))


class Plant:
    """Rows of silver and gold around one Monday: what a few machines did, for a lake to hold."""

    monday = MONDAY

    def frame(self, spec: TableSpec, rows: list[tuple[object, ...]]) -> pl.DataFrame:
        """Rows under a table's schema."""
        empty = pl.from_arrow(spec.schema.empty_table())
        assert isinstance(empty, pl.DataFrame)
        return pl.DataFrame(rows, schema=empty.schema, orient="row")

    def episode(
        self, name: str, day: int = 0, hour: int = 6, hours: float | None = 2.0, **facts: str
    ) -> tuple[object, ...]:
        """A fault raised on Monday + `day`; open if `hours` is None."""
        raised = datetime(2024, 3, 4, hour, tzinfo=UTC) + timedelta(days=day)
        cleared = None if hours is None else raised + timedelta(hours=hours)
        machine, code = facts.get("machine", "pump-1"), facts.get("code", "low_oil")
        message = facts.get("message", "Oil below 2 bar.")
        return (
            *(name, "plant", machine, "oil_pump", code, 95, facts.get("level", "critical"), message),
            *(raised, cleared, None if hours is None else hours * 3600, raised.date()),
        )

    def health(self, machine: str, day: int, score: float) -> tuple[object, ...]:
        """The health of a machine on Monday + `day`."""
        at = MONDAY + timedelta(days=day)
        return ("plant", machine, "oil_pump", score, "oil_pressure", -7.0, "oil_pressure fell", at)

    def deviation(self, machine: str, day: int, signal: str, unit: str, spreads: float) -> tuple[object, ...]:
        """A signal with baseline 4 and spread 0.5 on Monday + `day`."""
        at = MONDAY + timedelta(days=day)
        return ("plant", machine, "oil_pump", signal, unit, 4 + spreads / 2, 4.0, 0.5, spreads, at)

    def fill(self, lake: TenantLake, episodes: list[tuple[object, ...]], **gold: list[tuple[object, ...]]) -> None:
        """Make the lake hold exactly these episodes, health rows and deviations."""
        lake.replace_all(EPISODES, self.frame(EPISODES, episodes).to_arrow())
        lake.replace_all(HEALTH, self.frame(HEALTH, gold.get("health", [])).to_arrow())
        lake.replace_all(DEVIATIONS, self.frame(DEVIATIONS, gold.get("deviations", [])).to_arrow())


@pytest.fixture
def plant() -> Plant:
    """Rows to fill a lake with."""
    return Plant()


@pytest.fixture(scope="module")
def module_plant() -> Plant:
    """The same for lakes that a module shares."""
    return Plant()
