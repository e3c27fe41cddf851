"""Bad input on the whole road: each has its outcome, and what is published beside it is what was true.

Every machine of the mill does the same, so whatever one of them is published with must be what the first is. On the
last day something is wrong with each of the others. The walk ends in the tenant's own database: it holds the right
figure of a day or none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from assets import serving
from assets.databases import TenantDatabases
from assets.partitions import range_tags
from assets.serving.dbt_run import DbtProjectFiles
from assets.serving.gate import require_met, withheld
from assets.serving.marts import mart_assets
from assets.serving.tables import PUBLISHED, SCHEMA
from core.audit import Actor
from core.contracts.odcs import parse_contract
from core.contracts.site import SiteFile
from core.db import Database
from core.errors import TerminalError
from core.tenancy import RegisteredSite, Tenancy
from lake.store import TenantLake
from lake.tables import bronze, gold, ops, silver
from orchestration.dbt_project import manifest, project_dir
from orchestration.materialize import Summary
from orchestration.sensors import JOB
from quality.acceptance import accept, standing
from quality.balance import imbalances
from tests.installation import Installation
from tests.orchestration.conftest import MONDAY, OneSite, Plant

DAYS, LAST, THIRD = 9, date(2024, 3, 12), date(2024, 3, 6)
BAD = 0x809B0000
UNITS = {"flow": "l/min", "pressure": "bar", "running": "1", "pieces": "1"}
CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: mill
version: 1.0.0
schema:
  - name: mill
    properties:"""
ROLES = {"running": "running", "pieces": "count"}
TRUE = "m-1"
Frame = pl.DataFrame


@cache
def mill() -> RegisteredSite:
    signals = [
        {"name": name, "unit": unit} | ({"role": ROLES[name]} if name in ROLES else {}) for name, unit in UNITS.items()
    ]
    site = {"tenant": "waterworks", "site": "mill", "protocol": "opcua"}
    machines = [{"id": "m-[1..9]", "type": "mill", "signals": signals}]
    named = "\n".join(
        f'      - {{name: {name}, customProperties: [{{property: unit, value: "{unit}"}}]}}'
        for name, unit in UNITS.items()
    )
    contract = f"{CONTRACT}\n{named}\n"
    return RegisteredSite(
        SiteFile.model_validate({**site, "equipment": machines}), parse_contract(contract, where="test"), "bridge"
    )


class Mill(OneSite):
    """A register that knows the mill."""

    def sites(self, slug: str) -> list[RegisteredSite]:
        return [mill()] if slug == "waterworks" else []


def clean(machines: int, days: int) -> Frame:
    """A sample every hour of machines that do the same, sent late enough for no clock to look wrong."""
    start = datetime(2024, 3, 4, tzinfo=UTC)
    rows: list[tuple[object, ...]] = []
    for n in range(days * 24):
        ts = start + timedelta(hours=n)
        swing = ((n * 37) % 101) / 101
        values = (50 + 5 * swing, 6 + swing, float(n % 4 > 0), 1000.0 + 10 * n)
        for number in range(1, machines + 1):
            rows += [
                ("mill", f"m-{number}", signal, ts, value, None, 0, "bridge/1/readings-live")
                for signal, value in zip(UNITS, values, strict=True)
            ]
    names = ["site", "equipment_id", "signal", "ts", "value", "text", "quality", "lane"]
    frame = Frame(rows, schema=names, schema_overrides={"text": pl.String}, orient="row")
    return frame.with_columns(received_at=pl.lit(datetime.now(UTC) - timedelta(hours=2)))


def numbered(rows: Frame) -> Frame:
    """Rows as bronze holds them, in batches."""
    empty = pl.from_arrow(bronze.READINGS.schema.empty_table())
    assert isinstance(empty, Frame)
    n = pl.int_range(pl.len())
    return rows.with_columns(
        pl.col("ts", "received_at").cast(pl.Datetime("us", "UTC")), contract_version=pl.lit("1.0.0"), seq=n // 1000,
        row_no=n % 1000, date=pl.col("ts").dt.date(),
    ).select(empty.columns).cast(dict(empty.schema))  # fmt: skip


def on(machine: str, signal: str | None = None, day: date = LAST) -> pl.Expr:
    hit = (pl.col("equipment_id") == machine) & (pl.col("ts").dt.date() == day)
    return hit if signal is None else hit & (pl.col("signal") == signal)


def valued(hit: pl.Expr, value: pl.Expr) -> Callable[[Frame], Frame]:
    return lambda rows: rows.with_columns(value=pl.when(hit).then(value).otherwise("value"))


def renamed(rows: Frame) -> Frame:
    return rows.with_columns(signal=pl.when(on("m-5", "flow")).then(pl.lit("flow_rate")).otherwise("signal"))


def in_local_time(rows: Frame) -> Frame:
    seen = pl.col("ts") + timedelta(hours=5, seconds=1)
    return rows.with_columns(received_at=pl.when(on("m-4")).then(seen).otherwise("received_at"))


def without_a_value(rows: Frame) -> Frame:
    return rows.with_columns(
        value=pl.when(~on("m-6")).then("value"), quality=pl.when(on("m-6")).then(BAD).otherwise("quality")
    )


def replayed(rows: Frame) -> Frame:
    again = rows.filter(on("m-7")).with_columns(received_at=pl.col("received_at") + timedelta(hours=1))
    return pl.concat([rows, again])


NOON = datetime(2024, 3, 12, 12, tzinfo=UTC)
LEFT = 1000.0 + 10 * (8 * 24 + 11)
"""What the counters show an hour before the last noon."""
VALUE = pl.col("value")
WRONG: tuple[Callable[[Frame], Frame], ...] = (
    valued(on("m-2", "pressure"), VALUE * 14.503774),
    valued(on("m-3", "flow"), pl.lit(51.5)),
    in_local_time,
    renamed,
    without_a_value,
    replayed,
    valued(on("m-8", "pieces") & (pl.col("ts") >= NOON), VALUE - LEFT),
    valued(on("m-9", "pressure", THIRD), VALUE * 14.503774),
)


@pytest.fixture(scope="module")
def databases(prepared: Installation) -> TenantDatabases:
    """The database of the tenant whose mill it is."""

    async def make() -> None:
        async with await Tenancy.open(prepared.run, prepared.postgres, prepared.settings) as tenancy:
            await tenancy.create("waterworks", "Waterworks", actor=Actor.command("test"))

    asyncio.run(make())
    return TenantDatabases(run=str(prepared.run.path))


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Plant(tmp_path / "lake", instance, Mill)


@pytest.fixture
def publishing(tmp_path: Path, databases: TenantDatabases) -> Iterator[Plant]:
    """A plant whose figures end in the tenant's database, which is empty."""

    async def empty(database: Database) -> None:
        for schema in (SCHEMA, "mart", "staging"):
            await database.execute(f"drop schema if exists {schema} cascade")
        await database.execute(f"create schema {SCHEMA}")

    databases.work("waterworks", empty)
    beyond = [*serving.ASSETS, mart_assets(DbtProjectFiles(project_dir(), manifest()))]
    with dg.DagsterInstance.ephemeral() as instance:
        yield Plant(tmp_path / "lake", instance, Mill, beyond, databases)


def fetch(databases: TenantDatabases, sql: str) -> list[tuple[object, ...]]:
    """What the tenant's database holds."""
    rows = databases.work("waterworks", lambda database: database.fetch(sql))
    return [tuple(row.values()) for row in rows]


def published(databases: TenantDatabases, table: str = "kpi.kpi_daily") -> dict[tuple[object, ...], float]:
    """Figures by machine, name and day."""
    rows = fetch(databases, f"select equipment_id, kpi, date, value from {table}")
    return {tuple(key): float(str(value)) for *key, value in rows}


def run(plant: Plant, days: list[date], *keys: str) -> bool:
    """What somebody starts by hand in the UI; True if it succeeded."""
    chosen = [dg.AssetKey(key.split("/")) for key in keys]
    job = plant.definitions.resolve_job_def(JOB).get_subset(asset_selection=set(chosen))
    tags = range_tags("waterworks", days)
    return job.execute_in_process(instance=plant.instance, tags=tags, raise_on_error=False).success


def told(plant: Plant, day: date) -> dict[str, set[str]]:
    """Reasons in quarantine by machine."""
    rows = plant.rows(silver.QUARANTINE).filter(pl.col("date") == day)
    return {str(machine): set(part["reason"]) for (machine,), part in rows.group_by("equipment_id")}


def figures(plant: Plant, day: date) -> dict[str, dict[str, float]]:
    """Key figures by machine and name."""
    rows = plant.rows(gold.KPI_DAILY).filter(pl.col("date") == day)
    return {
        str(machine): dict(part.select("kpi", "value").iter_rows())
        for (machine,), part in rows.group_by("equipment_id")
    }


def hourly(plant: Plant, day: date, machine: str) -> dict[tuple[str, datetime], float]:
    rows = plant.rows(silver.SIGNAL_HOURLY).filter(pl.col("date") == day, pl.col("equipment_id") == machine)
    means = rows.filter(pl.col("signal") != "pieces").select("signal", "hour", "mean")
    return {(signal, hour): mean for signal, hour, mean in means.iter_rows()}


def build(plant: Plant, rows: Frame) -> Summary:
    for corrupt in WRONG:
        rows = corrupt(rows)
    plant.add(numbered(rows))
    return plant.build()


def test_whatever_is_wrong_is_told_and_no_figure_beside_it_is(publishing: Plant, databases: TenantDatabases) -> None:
    plant = publishing
    summary = build(plant, clean(9, DAYS))
    checks = {
        "counters_do_not_restart",
        "machines_have_values",
        "rows_come_once",
        "readings_are_believed",
        "schema_is_kept",
    }
    assert set(summary.warned) - {"waterworks silver/quarantine few_rows_are_rejected"} == {
        f"waterworks silver/readings {check}" for check in checks
    }
    assert told(plant, LAST) == {
        "m-2": {"looks like psi where the contract promises bar"},
        "m-3": {"sensor is stuck: 51.5 l/min all day"},
        "m-4": {"time is not UTC: every sample is 5.0 h behind"},
        "m-5": {"the site has no such signal"},
    }
    assert told(plant, THIRD) == {"m-9": {"looks like psi where the contract promises bar"}}
    spells = plant.rows(ops.GAPS).filter(pl.col("reason") == "bad_quality")
    assert set(spells.select("equipment_id", "signal", "date").rows()) == {("m-6", name, LAST) for name in UNITS}
    lines = plant.rows(ops.BOOKS)
    assert set(imbalances(lines).values()) == {0}
    assert lines["superseded"].sum() == 24 * len(UNITS)

    found = figures(plant, LAST)
    true = found[TRUE]
    assert set(true) == {"utilisation", "throughput", "cycle_time"}
    assert true["throughput"] == pytest.approx(240)
    assert found == {f"m-{n}": pytest.approx(true) for n in range(1, 10) if n not in (4, 6)}
    right = hourly(plant, LAST, TRUE)
    for n in range(2, 10):
        ours = hourly(plant, LAST, f"m-{n}")
        assert ours == pytest.approx({place: right[place] for place in ours}), n
    assert hourly(plant, LAST, "m-4") == hourly(plant, LAST, "m-6") == {}
    third = hourly(plant, THIRD, "m-9")
    assert {signal for signal, _ in third} == {"flow", "running"}

    given = published(databases)
    assert given == published(databases, "mart.kpi_trend")
    of_the_true = {(kpi, day): value for (machine, kpi, day), value in given.items() if machine == TRUE}
    assert {day for _, day in of_the_true} == {MONDAY + timedelta(days=n) for n in range(DAYS)}
    for n in range(1, 10):
        ours = {(kpi, day): value for (machine, kpi, day), value in given.items() if machine == f"m-{n}"}
        right = {at: value for at, value in of_the_true.items() if at[1] != LAST or n not in (4, 6)}
        assert ours == pytest.approx(right), n
    assert fetch(databases, "select withheld from kpi.publication") == [([],)] * len(PUBLISHED)


def test_what_cannot_be_put_right_is_held_back_with_its_reason(publishing: Plant, databases: TenantDatabases) -> None:
    plant, rows = publishing, clean(5, 5)
    first, second, third, fourth, fifth = (MONDAY + timedelta(days=n) for n in range(5))
    other = rows.filter(on("m-1", day=second)).with_columns(
        ts=pl.col("ts") + timedelta(minutes=7), lane=pl.lit("other/1/readings-live")
    )
    back = on("m-2", "pieces", second) & (pl.col("ts").dt.hour() >= 12)
    overnight = (pl.col("equipment_id") == "m-3") & (pl.col("signal") == "pieces") & (pl.col("ts").dt.date() >= third)
    more = (pl.col("equipment_id") == "m-4") & (pl.col("signal") == "pieces") & (pl.col("ts").dt.date() >= fourth)
    wrong = valued(more, VALUE + 50_000)(valued(overnight, VALUE - 500)(valued(back, VALUE / 2)(rows)))
    plant.add(numbered(pl.concat([wrong, other])))
    with pytest.raises(
        TerminalError, match="one_bridge_a_machine: m-1 is read by bridge and other on 2024-03-05"
    ) as failed:
        plant.build()
    assert "counters_only_rise: m-2 pieces fell from 1350.0 to 680.0" in str(failed.value)
    assert plant.lake.version(gold.KPI_DAILY) is None
    assert any("silver.readings" in text for _, *words in plant.tenants.told for text in words)
    # Gold that somebody builds by itself is not published either, and of the day before nothing stands failed.
    for one in PUBLISHED[:3]:
        failed = withheld(plant.lake, one)
        assert set(failed["day"]) == {second}
        require_met(failed, [first])
        with pytest.raises(TerminalError, match="one_bridge_a_machine on 2024-03-05"):
            require_met(failed, [first, second])
    days = [first, second, third, fourth, fifth]
    assert run(plant, days, "silver/fault_episodes", "silver/signal_hourly")
    assert not run(plant, days, "gold/kpi_daily")
    found = withheld(plant.lake, PUBLISHED[0]).filter(pl.col("table") == "gold.kpi_daily")
    assert dict(found.select("check", "day").iter_rows()) == {
        "counters_only_rise": third, "counters_rise_as_ever": fourth
    }  # fmt: skip
    assert any("m-3 pieces fell from 1470.0 to 980.0 at 2024-03-06 00:00" in one for one in found["observed"])
    assert not run(plant, days, "kpi/kpi_daily")
    given = published(databases)
    assert {day for *_, day in given} == {first, fifth}
    assert {value for (_, kpi, day), value in given.items() if (kpi, day) == ("throughput", fifth)} == {240.0}
    ((held,),) = fetch(databases, "select withheld from kpi.publication")
    assert held == [second, third, fourth]


@pytest.mark.long
def test_an_exchanged_counter_is_accepted_by_somebody_who_knows(plant: Plant) -> None:
    rows = clean(2, 2)
    first, second = MONDAY, MONDAY + timedelta(days=1)
    back = on("m-2", "pieces", second) & (pl.col("ts").dt.hour() >= 12)
    plant.add(numbered(valued(back, VALUE / 2)(rows)))
    with pytest.raises(TerminalError, match="m-2 pieces fell"):
        plant.build()
    assert any("`platform lake accept`" in text for _, *words in plant.tenants.told for text in words)
    assert plant.lake.version(gold.KPI_DAILY) is None
    found = standing(plant.lake, "silver.readings", "counters_only_rise", second)
    accept(plant.lake, found, reason="exchanged", by="ada", at=datetime.now(UTC))
    plant.build()
    for one in PUBLISHED[:3]:
        require_met(withheld(plant.lake, one), [first, second])
    (told,) = latest(plant.lake, "silver.readings", "counters_only_rise")
    assert told["status"] == "warned"
    assert "accepted by ada on" in told["observed"]
    made = {machine: values["throughput"] for machine, values in figures(plant, second).items()}
    assert 0 < made["m-2"] < made[TRUE]

    # It is set back once more: that was never accepted.
    once_more = rows.filter(on("m-2", "pieces", second) & (pl.col("ts").dt.hour() >= 18)).with_columns(
        value=VALUE / 4, lane=pl.lit("bridge/2/readings-live"), received_at=pl.lit(datetime.now(UTC))
    )
    plant.add(numbered(once_more))
    with pytest.raises(TerminalError, match="m-2 pieces fell"):
        plant.build()
    with pytest.raises(TerminalError, match="counters_only_rise on 2024-03-05"):
        require_met(withheld(plant.lake, PUBLISHED[0]), [second])


def latest(lake: TenantLake, table: str, check: str) -> list[dict[str, object]]:
    rows = lake.scan(ops.CHECK_RESULTS).filter(pl.col("table") == table, pl.col("check") == check)
    return rows.sort("at").tail(1).collect().to_dicts()
