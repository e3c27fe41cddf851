"""Silver made of portions is silver made at once, in every table and every check."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from assets.build import Build
from assets.catalogue import ContractedSite
from assets.resources import LakeResource, TenantResource
from assets.silver import readings
from assets.silver.refined import refine
from assets.window import Window
from core.tenancy import RegisteredSite
from lake.store import Lake, TenantLake
from lake.tables import bronze, ops, silver
from tests.assets.silver.conftest import Bronze, contracted

MONDAY, TUESDAY = date(2024, 3, 4), date(2024, 3, 5)
TABLES = (silver.READINGS, silver.EVENTS, silver.QUARANTINE, ops.SIGNAL_REFERENCE, ops.BOOKS)


class OneSite(TenantResource):
    """The register of one tenant with one site."""

    def slugs(self) -> list[str]:
        return ["waterworks"]

    def sites(self, slug: str) -> Sequence[RegisteredSite]:
        one: ContractedSite = contracted()
        return [RegisteredSite(one.site, one.contract, f"{slug}-bridge")]

    def tell(self, slug: str, cause: str, subject: str, message: str) -> None:
        del slug, cause, subject, message


def sent(bronze: Bronze, day: int, received: int) -> pl.DataFrame:
    """A day of both pumps: a value beyond the contract, one that came twice, and one that is late if `received` is."""
    rows: list[pl.DataFrame] = []
    for pump in (1, 2, 3):
        samples = [("flow", day * 1440 + n * 30.0, 50.0 + n + pump) for n in range(40)]
        more = [("flow", day * 1440 + 1.0, 999.0), ("flow", day * 1440 + 30.0, 60.0), ("level", day * 1440 + 5.0, 2.5)]
        rows.append(
            bronze.rows(*samples, *more, equipment_id=f"pump-{pump}").with_columns(
                lane=pl.lit(f"b/{received}/readings-live"), seq=pl.col("seq") + 100 * pump
            )
        )
    return pl.concat(rows).with_columns(received_at=pl.col("received_at") + pl.duration(days=received))


def built(lake: TenantLake, root: Path, days: tuple[date, ...], name: str) -> dict[str, str]:
    build = Build.alone(Window("waterworks", days), LakeResource(root=str(root)), OneSite(), name)
    results = list(refine(build))
    rows = {str(one.asset_key): str((one.metadata or {})["dagster/row_count"]) for one in results}
    found = lake.scan(ops.CHECK_RESULTS).filter(pl.col("run_id") == name).collect()
    return rows | {f"{one['table']}.{one['check']}": f"{one['status']} {one['observed']}" for one in found.to_dicts()}


@pytest.mark.parametrize("portion_rows", [1, 100])
def test_portions_change_nothing(
    tmp_path: Path, bronze_rows: pl.DataFrame, portion_rows: int, monkeypatch: pytest.MonkeyPatch
):
    lakes = {name: Lake(str(tmp_path / name)).tenant("waterworks") for name in ("whole", "portions")}
    told: dict[str, list[dict[str, str]]] = {name: [] for name in lakes}
    late = bronze_rows.filter(pl.col("lane").str.contains("/9/"))
    for name, lake in lakes.items():
        monkeypatch.setattr(readings, "PORTION_ROWS", portion_rows if name == "portions" else 10_000)
        lake.append(bronze.READINGS, bronze_rows.join(late, on=["lane", "seq"], how="anti").to_arrow())
        told[name].append(built(lake, tmp_path / name, (MONDAY, TUESDAY), "first"))
        lake.append(bronze.READINGS, late.to_arrow())
        told[name].append(built(lake, tmp_path / name, (MONDAY, TUESDAY), "again"))
    assert told["portions"] == told["whole"]
    for spec in TABLES:
        order = list(spec.keys)
        found, expected = (lakes[name].scan(spec).collect().sort(order) for name in ("portions", "whole"))
        assert found.equals(expected), spec.full_name
    rows = lakes["portions"].scan(silver.READINGS).collect()
    assert rows["late"].sum() == 2 * (40 + 1)  # of two pumps the site has, what was kept of Monday's second time
    assert rows.filter(pl.col("signal") == "flow", pl.col("ts") == datetime(2024, 3, 4, 0, 30, tzinfo=UTC))[
        "value"
    ].to_list() == [60.0, 60.0]


@pytest.fixture
def bronze_rows(bronze: Bronze) -> pl.DataFrame:
    """Monday and Tuesday as sent, and Monday's again, later, with the times moved by a minute."""
    on_time = [sent(bronze, 0, 0), sent(bronze, 1, 1)]
    late = sent(bronze, 0, 9).with_columns(ts=pl.col("ts") + timedelta(minutes=1)).with_columns(date=pl.lit(MONDAY))
    return pl.concat([*on_time, late])
