"""Units that change with a contract: each reading in the unit it was taken in, each day in the unit in force."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import polars as pl
import pytest

from core.contracts.odcs import parse_contract
from core.contracts.site import SiteFile
from core.tenancy.sites import FormerTerms
from lake.tables import gold, ops, silver
from tests.assets.silver.conftest import CONTRACT, MIDNIGHT, SITE, Bronze
from tests.assets.silver.works import MONDAY, Works

BAR, MBAR, AMPERE = "bar", "mbar", "A"


def terms(version: str, device: str, promised: str) -> FormerTerms:
    """A site whose level sensor speaks one unit, and a contract that promises one."""
    (pumps,) = cast("list[dict[str, Any]]", SITE["equipment"])
    signals = [one | {"unit": device} if one["name"] == "level" else one for one in pumps["signals"]]
    equipment = [pumps | {"signals": signals}]
    text = CONTRACT.replace("version: 1.0.0", f"version: {version}").replace("value: mm}", f"value: {promised}}}")
    return FormerTerms(parse_contract(text, where="test"), SiteFile.model_validate(SITE | {"equipment": equipment}))


def day_of(
    bronze: Bronze, day: int, version: str, factor: float = 1.0, hours: tuple[int, int] = (0, 24)
) -> pl.DataFrame:
    """Half-hourly samples of a level of 2 to 3 bar, in a unit of so many to the bar."""
    samples = [("level", day * 1440 + n * 30.0, (2 + n % 17 / 17) * factor) for n in range(hours[0] * 2, hours[1] * 2)]
    return bronze.rows(*samples, contract_version=version).with_columns(
        seq=pl.col("seq") + day * 1000 + hours[0], received_at=pl.col("ts") + pl.duration(seconds=1)
    )


def test_each_reading_is_converted_by_the_contract_it_was_taken_under(works: Works, bronze: Bronze) -> None:
    works.had(terms("1.0.0", BAR, BAR), terms("2.0.0", MBAR, BAR))
    works.send(day_of(bronze, 0, "1.0.0", hours=(0, 12)))
    works.send(day_of(bronze, 0, "2.0.0", 1000, hours=(12, 24)))
    assert works.build(0) == {}
    assert works.kept(0) == [(pytest.approx(2 + n % 17 / 17), BAR) for n in range(48)]


def test_a_window_is_converted_like_its_signal_and_a_count_is_not(works: Works, bronze: Bronze) -> None:
    works.had(terms("1.0.0", BAR, MBAR), terms("2.0.0", MBAR, MBAR))
    works.send(bronze.rows(("level:mean:PT1H", 0, 2.0), ("level:count:PT1H", 0, 60.0), contract_version="1.0.0"))
    works.build(0)
    assert works.kept(0, signal="level:mean:PT1H") == [(2000.0, MBAR)]
    assert works.kept(0, signal="level:count:PT1H") == [(60.0, "1")]


def test_what_once_measured_something_else_is_no_reading_of_today(works: Works, bronze: Bronze) -> None:
    works.had(terms("1.0.0", AMPERE, AMPERE), terms("2.0.0", BAR, BAR))
    works.send(day_of(bronze, 0, "1.0.0", hours=(0, 12)))
    works.send(day_of(bronze, 0, "2.0.0", hours=(12, 24)))
    works.build(0)
    assert len(works.kept(0)) == 24
    apart = works.lake.scan(silver.QUARANTINE).collect()
    assert set(apart.select("unit", "reason").rows()) == {
        (AMPERE, "taken in A under an earlier contract, when the signal measured something else")
    }
    assert apart.sort("ts")["value"].to_list() == [2 + n % 17 / 17 for n in range(24)]


def test_later_days_are_held_against_the_reference_in_the_unit_in_force(works: Works, bronze: Bronze) -> None:
    works.had(terms("1.0.0", BAR, BAR))
    for day in range(8):
        works.send(day_of(bronze, day, "1.0.0"))
    assert works.build(*range(8)) == {}
    kept = works.lake.scan(ops.SIGNAL_REFERENCE).collect()
    assert kept.select("unit", "date").rows() == [(BAR, MONDAY + timedelta(days=6))]

    works.had(*works.before, terms("2.0.0", BAR, MBAR))
    works.send(day_of(bronze, 8, "2.0.0"))
    assert works.build(8) == {}
    assert works.kept(8)[0] == (pytest.approx(2000.0), MBAR)
    works.send(day_of(bronze, 9, "2.0.0", 0.0145))
    assert "readings_are_believed" in works.build(9) or "distribution_is_kept" in works.build(9)
    assert works.lake.scan(ops.SIGNAL_REFERENCE).collect().equals(kept)


def test_before_the_reference_is_complete_earlier_days_count_in_the_unit_in_force(works: Works, bronze: Bronze) -> None:
    works.had(terms("1.0.0", BAR, BAR))
    for day in range(3):
        works.send(day_of(bronze, day, "1.0.0"))
        assert works.build(day) == {}
    works.had(*works.before, terms("2.0.0", BAR, MBAR))
    for day in range(3, 8):
        works.send(day_of(bronze, day, "2.0.0"))
        assert works.build(day) == {}
    (row,) = works.lake.scan(ops.SIGNAL_REFERENCE).collect().to_dicts()
    assert row["unit"] == MBAR
    assert row["deciles"][0] == pytest.approx(2000.0)
    assert row["deciles"][10] == pytest.approx((2 + 16 / 17) * 1000)


def test_a_signal_that_measures_something_else_gets_a_reference_anew(works: Works, bronze: Bronze) -> None:
    works.had(terms("1.0.0", BAR, BAR))
    for day in range(7):
        works.send(day_of(bronze, day, "1.0.0"))
    assert works.build(*range(7)) == {}
    works.had(*works.before, terms("2.0.0", AMPERE, AMPERE))
    for day in range(7, 15):
        works.send(day_of(bronze, day, "2.0.0", 40))
    assert works.build(*range(7, 15)) == {}
    told = works.lake.scan(ops.SIGNAL_REFERENCE).collect().sort("date")
    assert told.select("unit", "date").rows() == [
        (BAR, MONDAY + timedelta(days=6)),
        (AMPERE, MONDAY + timedelta(days=13)),
    ]


def test_days_built_in_another_unit_are_read_in_the_one_in_force(works: Works, bronze: Bronze) -> None:
    works.had(terms("1.0.0", BAR, BAR))
    works.send(day_of(bronze, 0, "1.0.0"))
    works.build(0)
    works.had(*works.before, terms("2.0.0", BAR, MBAR))
    works.send(day_of(bronze, 1, "2.0.0"))
    works.build(1)
    read = works.begun(1).read(silver.READINGS, lookback_days=1)
    assert set(read["unit"]) == {MBAR}
    assert read["value"].min() == pytest.approx(2000.0)
    assert pl.concat(works.begun(1).machines(silver.READINGS, 1)).equals(read)


def test_a_baseline_is_read_in_the_unit_in_force(works: Works) -> None:
    works.had(terms("1.0.0", "degC", "degC"), terms("2.0.0", "degC", "degF"))
    named = {"site": "plant", "equipment_id": "pump-1", "equipment_type": "pump", "signal": "level", "unit": "degC"}
    figures = {"center": 20.0, "spread": 5.0, "samples": 336, "first_ts": MIDNIGHT, "last_ts": MIDNIGHT, "date": MONDAY}
    schema = pl.DataFrame(gold.BASELINE.schema.empty_table()).schema
    works.lake.append(gold.BASELINE, pl.DataFrame([named | figures], schema=schema).to_arrow())
    (row,) = works.begun(0).read(gold.BASELINE).to_dicts()
    assert (row["unit"], row["center"], row["spread"]) == ("degF", pytest.approx(68.0), pytest.approx(9.0))
