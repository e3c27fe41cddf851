"""A machine that goes from one site of its tenant to another: its past stays where it was, and is built again there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import polars as pl

from assets.gold.kpi_daily import kpi_daily
from assets.gold.rollups import site_daily
from assets.silver.holding import hourly
from assets.silver.registry import registered, remembered
from core.contracts.odcs import parse_contract
from core.contracts.site import SiteFile
from core.tenancy.sites import FormerTerms
from lake.tables import silver
from tests.assets.silver.conftest import CONTRACT, SITE, Bronze
from tests.assets.silver.works import MONDAY, Works, under

(PUMPS,) = cast("list[dict[str, Any]]", SITE["equipment"])
SENT_AS_IT_IS = CONTRACT.replace("forward, value: false", "forward, value: true")
MOVED = datetime(2024, 3, 5, 12, tzinfo=UTC)


def site(name: str, *machines: str) -> FormerTerms:
    """A site with some pumps, under the one contract."""
    described = SITE | {"site": name, "equipment": [PUMPS | {"id": one} for one in machines]}
    return FormerTerms(parse_contract(SENT_AS_IT_IS, where="test"), SiteFile.model_validate(described))


BEFORE = [under(site("north", "pump-[1..2]")), under(site("south", "pump-7"))]
AFTER = [
    under(site("north", "pump-[1..2]"), site("north", "pump-2")),
    under(site("south", "pump-7"), site("south", "pump-1", "pump-7")),
]


def shift(bronze: Bronze, where: str, machine: str, day: int, hours: tuple[int, int], bridge: str = "") -> pl.DataFrame:
    """Samples of a machine at a site every half hour; it runs all the time."""
    minutes = [day * 1440 + n * 30.0 for n in range(hours[0] * 2, hours[1] * 2)]
    samples = [(signal, at, value) for at in minutes for signal, value in (("flow", 50.0 + at % 7), ("running", 1.0))]
    lane = f"{bridge or where}-bridge/1/readings-live"
    rows = bronze.rows(*samples, site=where, equipment_id=machine, lane=lane)
    return rows.with_columns(
        seq=pl.col("seq") + 10_000 * day + 1000 * hours[0] + 100_000 * int(machine[-1]),
        received_at=pl.col("ts") + pl.duration(seconds=1),
    )


def test_on_the_day_of_the_move_each_site_has_its_half(works: Works, bronze: Bronze) -> None:
    works.sites = BEFORE
    for day in (0, 1):
        works.send(shift(bronze, "north", "pump-2", day, (0, 24)), shift(bronze, "south", "pump-7", day, (0, 24)))
    works.send(shift(bronze, "north", "pump-1", 0, (0, 24)), shift(bronze, "north", "pump-1", 1, (0, 12)))
    assert works.build(0) == {}
    works.sites = AFTER
    works.send(shift(bronze, "south", "pump-1", 1, (12, 24)))
    assert works.build(1) == {}

    flow = works.lake.scan(silver.READINGS).filter(pl.col("signal") == "flow").collect()
    rows = flow.group_by("site", "equipment_id", "date").agg(pl.len(), pl.col("ts").min()).sort("date", "site")
    tuesday = datetime(2024, 3, 5, tzinfo=UTC)
    assert rows.filter(equipment_id="pump-1").drop("equipment_id").rows() == [
        ("north", MONDAY, 48, tuesday - timedelta(days=1)),
        ("north", MONDAY + timedelta(days=1), 24, tuesday),
        ("south", MONDAY + timedelta(days=1), 24, MOVED),
    ]
    assert works.lake.scan(silver.QUARANTINE).collect().is_empty()

    build = works.begun(0, 1)
    by_hour = hourly(build.read(silver.READINGS), build.catalogue, build.days)
    counters, none = build.read(silver.READINGS).clear(), build.lake.scan(silver.FAULT_EPISODES).collect()
    kpis = kpi_daily(by_hour, counters, none, build.watched, build.days)
    used = kpis.filter(pl.col("kpi") == "utilisation", pl.col("date") == MONDAY + timedelta(days=1))
    assert used.select("site", "equipment_id", "value").sort("site", "equipment_id").rows() == [
        ("north", "pump-1", 100.0), ("north", "pump-2", 100.0), ("south", "pump-1", 100.0), ("south", "pump-7", 100.0)
    ]  # fmt: skip
    told = site_daily(kpis.filter(pl.col("kpi") == "utilisation"), build.days).sort("date", "site")
    assert told.select("site", "date", "machines").rows() == [
        ("north", MONDAY, 2), ("south", MONDAY, 1),
        ("north", MONDAY + timedelta(days=1), 2), ("south", MONDAY + timedelta(days=1), 2),
    ]  # fmt: skip


def test_a_late_row_from_before_the_move_is_of_the_old_site(works: Works, bronze: Bronze) -> None:
    works.sites = BEFORE
    works.send(shift(bronze, "north", "pump-1", 0, (0, 12)))
    works.build(0)
    works.sites = AFTER
    works.send(shift(bronze, "north", "pump-1", 0, (12, 24)).with_columns(seq=pl.col("seq") + 1))
    assert works.build(0) == {}
    assert len(works.kept(0, site="north", equipment_id="pump-1", signal="flow")) == 48
    assert works.lake.scan(silver.QUARANTINE).collect().is_empty()


def test_two_bridges_on_one_machine_are_no_move(works: Works, bronze: Bronze) -> None:
    works.sites = AFTER
    works.send(shift(bronze, "north", "pump-1", 0, (0, 13)), shift(bronze, "south", "pump-1", 0, (12, 24)))
    assert works.build(0) == {}, "of different sites: two machines with one name, each read by its own bridge"
    other = shift(bronze, "south", "pump-1", 0, (18, 20), "second").with_columns(pl.col("ts") + pl.duration(minutes=7))
    works.send(other)
    assert set(works.build(0)) == {"one_bridge_a_machine"}


def test_the_registry_says_since_when_a_machine_stands_where() -> None:
    first = remembered(registered([]).with_columns(
        valid_from=pl.lit(None, pl.Datetime("us", "UTC")), valid_until=pl.lit(None, pl.Datetime("us", "UTC"))
    ), registered(BEFORE), MOVED - timedelta(days=30))  # fmt: skip
    rows = remembered(first, registered(AFTER), MOVED).filter(equipment_id="pump-1")
    assert rows.select("site", "valid_from", "valid_until").rows() == [
        ("north", MOVED - timedelta(days=30), MOVED), ("south", MOVED, None)
    ]  # fmt: skip


def test_a_machine_of_another_type_has_none_of_the_former_ones_signals(works: Works) -> None:
    pump = site("north", "pump-1")
    assert pump.site is not None
    drive = SITE | {"site": "north", "equipment": [{"id": "pump-1", "type": "drive", "signals": [{"name": "torque"}]}]}
    now = FormerTerms(pump.contract, SiteFile.model_validate(drive))
    works.sites = [under(pump, now)]
    assert works.begun(0).catalogue.select("equipment_type", "base").rows() == [("drive", "torque")]
