"""The tenants' own databases, as assets reach them: one tenant at a time, under that tenant's role."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import dagster as dg
from pydantic import PrivateAttr

from assets import notices
from assets.declared import LOOKBACK, table_spec
from core.db import Database
from core.run.folder import RunFolder
from core.run.postgres import Postgres
from core.settings import load_settings
from core.tenancy import Tenancy
from lake.spec import TableSpec

Answer = TypeVar("Answer")
MARTS = "marts"
"""In Dagster's home; holds one folder a tenant, see `TenantDatabases.scratch`."""


class TenantDatabases(dg.ConfigurableResource):  # pyright: ignore[reportMissingTypeArgument]  Dagster's own parameter
    """Where each tenant's database is, from the platform database of a run folder; looked up once a process.

    Attributes:
        run: the run folder.
    """

    run: str
    _dsns: dict[str, str] = PrivateAttr(default_factory=dict)

    def dsn(self, slug: str) -> str:
        """Address of a tenant's database, as the tenant's own role; holds a password, so never for a log.

        Raises:
            NotFoundError: no such tenant.
        """
        if slug not in self._dsns:
            self._dsns[slug] = asyncio.run(self._look_up(slug))
        return self._dsns[slug]

    def work(self, slug: str, job: Callable[[Database], Awaitable[Answer]]) -> Answer:
        """Run a job on a tenant's database, on connections that close with it."""
        dsn = self.dsn(slug)

        async def run() -> Answer:
            async with await Database.open(dsn, max_size=2, vectors=True) as database:
                return await job(database)

        return asyncio.run(run())

    def tell(self, slug: str, cause: str, subject: str, message: str) -> None:
        """Tell a tenant's administrators; see `assets.notices.tell`."""
        notices.tell(self.run, slug, cause, subject, message)

    def scratch(self, slug: str) -> Path:
        """Folder for what a run keeps of one tenant between two runs and may lose at any time."""
        folder = RunFolder.open(Path(self.run), load_settings()).dagster / MARTS / slug
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    async def _look_up(self, slug: str) -> str:
        settings = load_settings()
        run = RunFolder.open(Path(self.run), settings)
        tenancy = await Tenancy.open(run, Postgres(run, settings), settings)
        try:
            return await tenancy.dsn(await tenancy.get(slug))
        finally:
            await tenancy.close()


def database_spec(spec: TableSpec, key: dg.AssetKey, deps: Sequence[dg.AssetKey], *, group: str) -> dg.AssetSpec:
    """A lake table's declaration for the table it becomes in the tenant's database."""
    found = table_spec(spec)
    return found.replace_attributes(
        key=key,
        # What the lake's table looked back on is in it: a day of it is a day of this one.
        metadata={**found.metadata, LOOKBACK: 0},
        deps=deps,
        group_name=group,
        kinds={"postgres"},
        description=f"{spec.full_name} in the tenant's database. {spec.description}",
        automation_condition=None,
    )
