"""Six tenants with machines of one type: figures over five at least, and nothing of those who withdrew."""

from __future__ import annotations

import statistics
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from assets.fleet.aggregate import fault_part, faults_over, kpi_part, kpis_over
from assets.fleet.deliver import deliver
from core.errors import NotFoundError
from lake.store import Lake, TenantLake
from lake.tables import fleet, gold, silver

SIX = [f"fleet-{name}" for name in ("ann", "ben", "cas", "dot", "eli", "fay")]
DAY = date(2024, 3, 4)
AVAILABLE = dict(zip(SIX, (90.0, 80.0, 70.0, 60.0, 50.0, 95.0), strict=True))


def kpis(slug: str, values: list[float], equipment_type: str = "press") -> pl.DataFrame:
    """One day of availability, a row a machine."""
    rows = [
        (f"{slug}-hall", f"{slug}-{n}", equipment_type, "availability", value, "percent", 1, DAY)
        for n, value in enumerate(values)
    ]
    return pl.DataFrame(rows, schema=gold.KPI_DAILY.schema.names, orient="row")


def episodes(slug: str, codes: list[str]) -> pl.DataFrame:
    """Faults of an hour each, on one machine."""
    at = datetime(2024, 3, 4, tzinfo=UTC)
    rows = [
        (f"{slug}{n}", f"{slug}-hall", f"{slug}-0", "press", code, 90, "critical", slug, at, at + timedelta(hours=1))
        for n, code in enumerate(codes)
    ]
    names = silver.FAULT_EPISODES.schema.names[:10]
    frame = pl.DataFrame(rows, schema=names, orient="row")
    return frame.with_columns(duration_s=pl.lit(3600.0), date=pl.lit(DAY))


@pytest.fixture
def lakes(tmp_path: Path) -> dict[str, TenantLake]:
    """Six lakes; the first tenant has three machines, and a type that nobody else has."""
    made = {slug: Lake(str(tmp_path)).tenant(slug) for slug in SIX}
    for slug, lake in made.items():
        alone = slug == SIX[0]
        press = kpis(slug, [AVAILABLE[slug]] * (3 if alone else 1))
        rows = pl.concat([press, kpis(slug, [1.0], "loom")]) if alone else press
        lake.replace_all(gold.KPI_DAILY, rows.to_arrow())
        codes = ["JAM", "JAM", "HEAT"] if alone else ["JAM", "SEAL"]
        lake.replace_all(silver.FAULT_EPISODES, episodes(slug, codes).to_arrow())
    return made


def seen(lake: TenantLake) -> list[dict[str, object]]:
    return lake.scan(fleet.FLEET_KPI_DAILY).collect().to_dicts()


def files(lake: TenantLake) -> list[Path]:
    """All that lies where the fleet tables are."""
    return [path for spec in fleet.TABLES for path in Path(lake.location(spec)).rglob("*") if path.is_file()]


def test_each_tenant_counts_once_and_what_was_withdrawn_is_gone_for_ever(lakes):
    first, other = (lakes[slug] for slug in SIX[:2])
    done = deliver(lakes, SIX, 5)

    expected = {
        "equipment_type": "press",
        "kpi": "availability",
        "unit": "percent",
        "tenants": 6,
        "machines": 8,
        "mean": pytest.approx(445 / 6),
        "spread": pytest.approx(statistics.stdev(AVAILABLE.values())),
        "date": DAY,
    }
    assert [seen(lake) for lake in lakes.values()] == [[expected]] * 6
    assert (done.contributors, done.emptied, done.failed) == (SIX, [], {})
    share = pytest.approx((2 / 3 + 5 * 1 / 2) / 6)
    jam = {"equipment_type": "press", "fault_code": "JAM", "tenants": 6, "machines": 6, "share": share, "hours": 1.0}
    seal = {**jam, "fault_code": "SEAL", "tenants": 5, "machines": 5, "share": 0.5}
    assert other.scan(fleet.FLEET_FAULTS).collect().to_dicts() == [jam, seal]
    written = b"".join(path.read_bytes() for lake in lakes.values() for path in files(lake))
    assert b"press" in written
    assert not any(name in written for name in (b"fleet-ann", b"-hall", b"loom", b"HEAT"))

    cited = {spec: other.version(spec) or 0 for spec in fleet.TABLES}
    less = deliver(lakes, SIX[1:], 5)

    assert seen(first) == []
    assert [(row["tenants"], row["machines"]) for row in seen(other)] == [(5, 5)]
    assert less.emptied == [SIX[0]]
    for spec, version in cited.items():
        table = other.open(spec)
        assert table is not None and table.version() > version
        for gone in (0, version):
            with pytest.raises(NotFoundError):
                other.scan(spec, version=gone)
        held = {path.name for path in files(other) if spec.name in path.parts and "_delta_log" not in path.parts}
        assert held == {Path(uri).name for uri in table.file_uris()}

    none = deliver(lakes, SIX[2:], 5)
    assert [seen(lake) for lake in lakes.values()] == [[]] * 6
    assert (none.emptied, set(none.rows.values())) == ([SIX[1]], {0})


def test_a_lake_that_cannot_be_read_does_not_count_and_who_never_agreed_gets_nothing(lakes):
    for file in Path(lakes[SIX[3]].location(gold.KPI_DAILY)).rglob("*.parquet"):
        file.unlink()

    done = deliver(lakes, SIX[:5], 4)

    assert list(done.failed) == [SIX[3]]
    assert done.contributors == [SIX[0], SIX[1], SIX[2], SIX[4]]
    assert [(row["tenants"], row["mean"]) for row in seen(lakes[SIX[0]])] == [(4, pytest.approx(290 / 4))]
    assert lakes[SIX[5]].version(fleet.FLEET_KPI_DAILY) is None


def test_a_tenants_time_between_failures_counts_its_machines_that_never_failed():
    figures = [("operating_time", "b-0", 30.0, 3), ("operating_time", "b-1", 570.0, 0), ("mtbf", "b-0", 10.0, 3)]
    rows = [("hall", machine, "press", kpi, value, "hour", samples, DAY) for kpi, machine, value, samples in figures]
    part = kpi_part(pl.DataFrame(rows, schema=gold.KPI_DAILY.schema.names, orient="row").lazy())
    found = {row["kpi"]: (row["value"], row["machines"]) for row in part.to_dicts()}
    assert found == {"operating_time": (300.0, 2), "mtbf": (200.0, 2)}


def test_nobody_agreed(tmp_path):
    assert deliver({"fleet-ann": Lake(str(tmp_path)).tenant("fleet-ann")}, [], 5).versions == {}


def test_a_time_to_clear_that_too_few_know_is_not_told():
    standing = episodes("x", ["JAM"]).with_columns(duration_s=pl.lit(None, dtype=pl.Float64))
    parts = [fault_part(episodes("x", ["JAM"]).lazy())] * 2 + [fault_part(standing.lazy())]
    assert faults_over(parts, 3)["hours"].to_list() == [None]
    assert faults_over([*parts, parts[0]], 3)["hours"].to_list() == [1.0]


def test_too_few_are_none():
    assert kpis_over([kpi_part(kpis("x", [1.0]).lazy())] * 4, 5).is_empty()
