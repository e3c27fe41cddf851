"""The asset of hourly key figures as Dagster runs it: a late word of a fault reaches every hour in which it stood."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import polars as pl

from assets.gold.tables import kpis_by_hour
from assets.partitions import range_tags
from assets.resources import LakeResource, TenantResource
from core.contracts.odcs import parse_contract
from core.contracts.site import SiteFile
from core.tenancy import RegisteredSite
from lake.store import Lake
from lake.tables import gold as tables
from lake.tables import silver
from orchestration.bronze_watch import add_partitions

MONDAY, DAYS, TENANT = date(2024, 3, 4), 40, "press-co"
_SIGNALS = [{"name": "force", "unit": "kN"}, {"name": "alarm", "role": "fault"}]
_CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: plant
version: 1.0.0
schema:
  - name: press
    properties:
      - {name: force, customProperties: [{property: unit, value: kN}]}
"""


class OnePress(TenantResource):
    """A register with one press, whose faults a signal tells."""

    def slugs(self) -> list[str]:
        return [TENANT]

    def sites(self, slug: str) -> list[RegisteredSite]:
        press = {"id": "press-1", "type": "press", "signals": _SIGNALS}
        file = {"tenant": slug, "site": "plant", "protocol": "opcua", "equipment": [press]}
        return [RegisteredSite(SiteFile.model_validate(file), parse_contract(_CONTRACT, where="test"), "bridge")]

    def tell(self, slug: str, cause: str, subject: str, message: str) -> None:
        raise AssertionError(f"{slug} is told: {subject}: {message}")


def test_a_fault_cleared_late_changes_every_hour_in_which_it_stood(gold, tmp_path: Path):
    lake = Lake(str(tmp_path)).tenant(TENANT)
    hours = gold.hours(*(gold.hour(n, 50.0) for n in range(24 * DAYS)))
    lake.replace_all(silver.SIGNAL_HOURLY, hours.select(silver.SIGNAL_HOURLY.schema.names).to_arrow())

    def know(*spans: tuple[float, float | None]) -> None:
        facts = {"fault_code": "JAM", "level": "warning", "message": "jam", "equipment_type": "press"}
        rows = gold.episodes(*spans).with_columns(**{name: pl.lit(text) for name, text in facts.items()})
        names = silver.FAULT_EPISODES.schema.names
        full = rows.with_columns(episode_id=pl.lit("one"), severity=pl.lit(80, pl.Int32))
        absent = [pl.lit(None).alias(name) for name in names if name not in full.columns]
        lake.replace_all(silver.FAULT_EPISODES, full.with_columns(absent).select(names).to_arrow())

    with dg.DagsterInstance.ephemeral() as instance:
        add_partitions(instance, [TENANT], [MONDAY + timedelta(days=n) for n in range(DAYS)])
        found = {"lake": LakeResource(root=str(tmp_path)), "tenants": OnePress()}

        def build(first: int, last: int) -> dict[object, float]:
            tags = range_tags(TENANT, [MONDAY + timedelta(days=first), MONDAY + timedelta(days=last)])
            assert dg.materialize([kpis_by_hour], instance=instance, tags=tags, resources=found).success
            rows = lake.scan(tables.KPI_HOURLY).filter(pl.col("kpi") == "availability").collect()
            return dict(rows.group_by("date").agg(pl.col("value").mean()).sort("date").iter_rows())

        know((12, None))
        once = build(0, DAYS - 1)
        assert list(once.values()) == [50.0, *[0.0] * (DAYS - 1)]

        # Cleared on the third day, told on the last: what reaches thirty days leaves the end as it was.
        know((12, 60))
        assert list(build(0, 31).values()) == [50.0, 0.0, 50.0, *[100.0] * (DAYS - 3)]
        version = lake.version(tables.KPI_HOURLY)
        build(3, 4)
        assert lake.days_added_since(tables.KPI_HOURLY, version)[1] == [MONDAY + timedelta(days=n) for n in (3, 4)]
