"""A plant of two pumps with a week of bronze, and the definitions that build on it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from types import ModuleType

import dagster as dg
import polars as pl
import pytest

from assets import bronze as bronze_assets
from assets import gold as gold_assets
from assets import silver as silver_assets
from assets.databases import TenantDatabases
from assets.resources import LakeResource, TenantResource
from core.contracts.odcs import parse_contract
from core.contracts.reading import COUNT_COLUMNS
from core.contracts.site import SiteFile
from core.tenancy import RegisteredSite
from lake.spec import TableSpec
from lake.store import Lake, TenantLake
from lake.tables import bronze
from orchestration.materialize import Summary, materialize_new
from orchestration.sensors import JOB

UP_TO_SILVER = (bronze_assets, silver_assets)
MONDAY = date(2024, 3, 4)
HOURS = 7 * 24
LANE = "bridge/1/readings-live"
CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: plant
version: 1.0.0
schema:
  - name: pump
    properties:
      - {name: flow, logicalTypeOptions: {minimum: 0, maximum: 100}, customProperties: [{property: unit, value: l/min}]}
      - {name: running, customProperties: [{property: unit, value: "1"}]}
customProperties:
  - property: rules
    value:
      - {name: dry, equipment_type: pump, signal: flow, raise_when: "<", threshold: 1, fault_code: DRY, severity: 95,
         message: Dry.}
"""
SITE = {
    "tenant": "waterworks",
    "site": "plant",
    "protocol": "opcua",
    "equipment": [
        {
            "id": "pump-[1..2]",
            "type": "pump",
            "signals": [
                {"name": "flow", "unit": "l/min"},
                {"name": "running", "role": "running"},
                {"name": "pressure", "unit": "bar"},
            ],
        }
    ],
}


@cache
def registered() -> RegisteredSite:
    """The one site."""
    return RegisteredSite(SiteFile.model_validate(SITE), parse_contract(CONTRACT, where="test"), "bridge")


class OneSite(TenantResource):
    """A register that knows one tenant with one site, and of another the same site.

    Attributes:
        notes: file that keeps what it is told; Dagster works with copies of its resources.
    """

    notes: str

    @property
    def told(self) -> list[list[str]]:
        """Tenant, cause, subject and message of every notice."""
        file = Path(self.notes)
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def tell(self, slug: str, cause: str, subject: str, message: str) -> None:
        with Path(self.notes).open("a") as file:
            file.write(json.dumps([slug, cause, subject, message]) + "\n")

    def slugs(self) -> list[str]:
        return ["waterworks"]

    def sites(self, slug: str) -> list[RegisteredSite]:
        return [registered()] if slug in ("waterworks", "gasworks") else []


def readings(seq: int, samples: list[tuple[str, str, datetime, float]], received: datetime) -> pl.DataFrame:
    """A batch of bronze readings."""
    rows = [
        ("plant", machine, signal, ts, value, None, 0, LANE, seq, n, "1.0.0", received, ts.date())
        for n, (machine, signal, ts, value) in enumerate(samples)
    ]
    return frame(bronze.READINGS, rows)


def counts_of(batch: pl.DataFrame) -> pl.DataFrame:
    """What the bridge counts of a batch that it forwarded whole."""
    hour = pl.col("ts").dt.truncate("1h").alias("hour")
    counted = batch.group_by("site", "equipment_id", "signal", hour, "lane", "seq").agg(n=pl.len().cast(pl.Int64))
    terms = {
        name: pl.col("n") if name in ("read", "contracted", "forwarded") else 0 * pl.col("n") for name in COUNT_COLUMNS
    }
    return counted.with_columns(**terms, date=pl.col("hour").dt.date())


def sink(lake: TenantLake, batch: pl.DataFrame) -> None:
    """A batch and what the bridge counted of it, as the sink commits them."""
    lake.append(bronze.BRIDGE_COUNTS, counts_of(batch).select(bronze.BRIDGE_COUNTS.schema.names).to_arrow())
    lake.append(bronze.READINGS, batch.to_arrow())


def frame(spec: TableSpec, rows: list[tuple[object, ...]]) -> pl.DataFrame:
    """Rows under a table's schema."""
    empty = pl.from_arrow(spec.schema.empty_table())
    assert isinstance(empty, pl.DataFrame)
    return pl.DataFrame(rows, schema=empty.schema, orient="row")


def week() -> pl.DataFrame:
    """A week of hourly samples of both pumps, in one batch."""
    start = datetime(2024, 3, 4, tzinfo=UTC)
    samples = [
        (machine, signal, start + timedelta(hours=n), value)
        for machine in ("pump-1", "pump-2")
        for n in range(HOURS)
        for signal, value in (("flow", 50.0 + n % 5), ("running", (n % 4) / 3))
    ]
    return readings(1, samples, datetime.now(UTC))


class Plant:
    """The tenant's lake, a Dagster instance in memory, and the definitions over both."""

    monday = MONDAY

    def __init__(
        self,
        root: Path,
        instance: dg.DagsterInstance,
        register: type[OneSite] = OneSite,
        beyond: Sequence[dg.AssetsDefinition] = (),
        databases: TenantDatabases | None = None,
        rooms: Sequence[ModuleType] = (*UP_TO_SILVER, gold_assets),
    ) -> None:
        """A plant whose definitions end with gold, or earlier, or reach `beyond` it into a tenant's database."""
        self.instance = instance
        self.lake_resource = LakeResource(root=str(root))
        self.tenants = register(notes=str(root.parent / "told.jsonl"))
        self.lake: TenantLake = Lake(str(root)).tenant("waterworks")
        self.definitions = dg.Definitions(
            assets=[*(asset for room in rooms for asset in room.ASSETS), *beyond],
            asset_checks=[check for room in rooms for check in room.CHECKS],
            jobs=[dg.define_asset_job(JOB, dg.AssetSelection.all() | dg.AssetSelection.all_asset_checks())],
            resources={"lake": self.lake_resource, "tenants": self.tenants}
            | ({"databases": databases} if databases else {}),
            executor=dg.in_process_executor,
        )

    def stream(self) -> None:
        """The week."""
        self.add(week())

    def add(self, batch: pl.DataFrame) -> None:
        """A batch and what the bridge counted of it."""
        sink(self.lake, batch)

    def late(self, day: int, value: float) -> pl.DataFrame:
        """A sample of pump-1 between two hours of a day."""
        ts = datetime(2024, 3, 4 + day, 10, 30, tzinfo=UTC)
        return readings(2, [("pump-1", "flow", ts, value)], datetime.now(UTC))

    def build(self) -> Summary:
        """What `platform dagster materialize` does."""
        return materialize_new(self.instance, self.definitions, self.lake_resource, self.tenants)

    def rows(self, spec: TableSpec) -> pl.DataFrame:
        """A table, sorted by its keys."""
        return self.lake.scan(spec).collect().sort(list(spec.keys))

    def day(self, n: int) -> date:
        """The n-th day after Monday."""
        return MONDAY + timedelta(days=n)


@pytest.fixture
def plant(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Plant]:
    """The plant with its week; a file whose tests look at nothing beyond says so in `ROOMS`."""
    rooms = getattr(request.module, "ROOMS", (*UP_TO_SILVER, gold_assets))
    with dg.DagsterInstance.ephemeral() as instance:
        made = Plant(tmp_path / "lake", instance, rooms=rooms)
        made.stream()
        yield made
