"""A lake of one tenant whose sites change, and silver built on it day by day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from assets.build import Build
from assets.resources import LakeResource, TenantResource
from assets.silver.refined import refine
from assets.window import Window
from core.tenancy import RegisteredSite
from core.tenancy.sites import FormerTerms
from lake.store import Lake, TenantLake
from lake.tables import bronze, ops, silver

MONDAY = date(2024, 3, 4)


class Register(TenantResource):
    """The register of one tenant."""

    _sites: tuple[RegisteredSite, ...] = ()

    def slugs(self) -> list[str]:
        return ["waterworks"]

    def sites(self, slug: str) -> Sequence[RegisteredSite]:
        return self._sites if slug == "waterworks" else ()

    def tell(self, slug: str, cause: str, subject: str, message: str) -> None:
        del slug, cause, subject, message


def under(*terms: FormerTerms) -> RegisteredSite:
    """A site that was under some terms, one after the other; the last are in force."""
    *former, now = terms
    assert now.site is not None
    return RegisteredSite(now.site, now.contract, f"{now.site.site}-bridge", tuple(former))


class Works:
    """A lake, what its sites were and are, and how its days are built."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._runs = 0
        self.lake: TenantLake = Lake(str(root)).tenant("waterworks")
        self.sites: list[RegisteredSite] = []
        self.before: tuple[FormerTerms, ...] = ()

    def had(self, *terms: FormerTerms) -> None:
        """The one site was under these terms; the last are in force."""
        self.before, self.sites = terms, [under(*terms)]

    def begun(self, *days: int) -> Build:
        """A build of some days."""
        self._runs += 1
        register = Register()
        register._sites = tuple(self.sites)  # pyright: ignore[reportPrivateUsage]
        window = Window("waterworks", tuple(MONDAY + timedelta(days=n) for n in days))
        return Build.alone(window, LakeResource(root=str(self._root)), register, f"run {self._runs}")

    def build(self, *days: int) -> dict[str, str]:
        """Build silver of some days; gives what each check on readings found wrong."""
        for _ in refine(self.begun(*days)):
            pass
        found = self.lake.scan(ops.CHECK_RESULTS).filter(pl.col("run_id") == f"run {self._runs}").collect()
        wrong = found.filter(pl.col("table") == "silver.readings", pl.col("status") != "passed")
        return dict(wrong.select("check", "observed").rows())

    def send(self, *batches: pl.DataFrame) -> None:
        """Rows of bronze."""
        for rows in batches:
            self.lake.append(bronze.READINGS, rows.to_arrow())

    def kept(self, day: int, **only: Any) -> list[tuple[float, str]]:
        """Values of a day in silver, with their units, by time."""
        rows = self.lake.scan(silver.READINGS).filter(pl.col("date") == MONDAY + timedelta(days=day), **only).collect()
        return rows.sort("ts").select("value", "unit").rows()
