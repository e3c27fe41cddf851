"""What assets work with: the lake and the register of tenants, each handed out one tenant at a time."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import dagster as dg
from pydantic import PrivateAttr

from assets import notices
from core.run.folder import RunFolder
from core.run.postgres import Postgres
from core.settings import load_settings
from core.tenancy import RegisteredSite, Tenancy
from lake.opening import open_lake
from lake.store import Lake, TenantLake

Answer = TypeVar("Answer")


class LakeResource(dg.ConfigurableResource):  # pyright: ignore[reportMissingTypeArgument]  Dagster's own parameter
    """The Delta lake, in a folder.

    Attributes:
        root: folder or object-store URL.
    """

    root: str

    def tenant(self, slug: str) -> TenantLake:
        """The lake of one tenant."""
        return Lake(self.root).tenant(slug)


class PlatformLake(LakeResource):
    """The Delta lake of an installation; Dagster's pages show where it is and nothing its store must be told.

    Attributes:
        run: the run folder.
    """

    run: str
    _lake: Lake | None = PrivateAttr(default=None)

    def tenant(self, slug: str) -> TenantLake:
        """The lake of one tenant; the store's secrets are read once a run."""
        if self._lake is None:
            settings = load_settings()
            self._lake = open_lake(RunFolder.open(Path(self.run), settings), settings)
        return self._lake.tenant(slug)


class TenantResource(dg.ConfigurableResource, ABC):  # pyright: ignore[reportMissingTypeArgument]  as above
    """The register of tenants and of what stands on their sites."""

    @abstractmethod
    def slugs(self) -> list[str]:
        """Every tenant."""

    @abstractmethod
    def sites(self, slug: str) -> Sequence[RegisteredSite]:
        """Sites of a tenant with the contract each is registered under, and what was in force before."""

    @abstractmethod
    def tell(self, slug: str, cause: str, subject: str, message: str) -> None:
        """Tell a tenant's administrators."""


class PlatformTenants(TenantResource):
    """The register in the platform database of a run folder; a tenant's sites are read once a run.

    Attributes:
        run: the run folder.
    """

    run: str
    _sites: dict[str, list[RegisteredSite]] = PrivateAttr(default_factory=dict)

    def slugs(self) -> list[str]:
        """Every tenant."""

        async def read(tenancy: Tenancy) -> list[str]:
            return [scope.slug for scope in await tenancy.list()]

        return self._ask(read)

    def sites(self, slug: str) -> Sequence[RegisteredSite]:
        """Sites of a tenant.

        Raises:
            NotFoundError: no such tenant.
        """

        async def read(tenancy: Tenancy) -> list[RegisteredSite]:
            return list(await tenancy.sites_with_history(await tenancy.get(slug)))

        if slug not in self._sites:
            self._sites[slug] = self._ask(read)
        return self._sites[slug]

    def tell(self, slug: str, cause: str, subject: str, message: str) -> None:
        """Tell a tenant's administrators; see `assets.notices.tell`."""
        notices.tell(self.run, slug, cause, subject, message)

    def _ask(self, question: Callable[[Tenancy], Awaitable[Answer]]) -> Answer:
        settings = load_settings()
        run = RunFolder.open(Path(self.run), settings)

        async def ask() -> Answer:
            tenancy = await Tenancy.open(run, Postgres(run, settings), settings)
            try:
                return await question(tenancy)
            finally:
                await tenancy.close()

        return asyncio.run(ask())
