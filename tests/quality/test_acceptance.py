"""An acceptance lets through what it names, on its day, and nothing else."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from assets.serving.gate import require_met
from core.errors import InputError, TerminalError
from lake.store import Lake, TenantLake
from lake.tables.ops import ACCEPTANCES, CHECK_RESULTS
from quality.acceptance import accept, accepted, checked_reason, settled, standing
from quality.asset_checks import as_results, checks_table, told
from quality.expected import Severity
from quality.outcome import Occasion, Outcome, finding, record
from quality.standing import failures

TABLE, CHECK = "silver.readings", "counters_only_rise"
MONDAY, TUESDAY = date(2024, 3, 4), date(2024, 3, 5)
AT = datetime(2024, 3, 6, tzinfo=UTC)
FELL = finding(TUESDAY, "mill: m-2 pieces fell from 1350.0 to 680.0 at 2024-03-05 12:00:00.000000+00:00")
OTHER = finding(TUESDAY, "mill: m-3 pieces fell from 99.0 to 50.0 at 2024-03-05 13:00:00.000000+00:00")
EARLIER = finding(MONDAY, "mill: m-2 pieces fell from 1350.0 to 680.0 at 2024-03-04 12:00:00.000000+00:00")


@pytest.fixture
def lake(tmp_path: Path) -> TenantLake:
    return Lake(str(tmp_path)).tenant("accepting-co")


def fell(*findings: str, check: str = CHECK) -> Outcome:
    return Outcome(check, False, Severity.ERROR, f"{len(findings)} fell", "a counter rises", findings=findings)


def whole(observed: str) -> Outcome:
    return Outcome("keys_are_unique", False, Severity.ERROR, observed, "no two rows alike")


def build(lake: TenantLake, outcome: Outcome, *days: date, hour: int = 0) -> Outcome:
    """What a build records of an outcome, as `assets.build.Build.check` does it."""
    (found,) = settled([outcome], accepted(lake, TABLE, days), days)
    record(lake, TABLE, [found], Occasion(days, f"run-{hour}", AT + timedelta(hours=hour)))
    return found


def let_through(lake: TenantLake, day: date = TUESDAY, check: str = CHECK) -> None:
    accept(lake, standing(lake, TABLE, check, day), reason="exchanged by the fitters", by="ada", at=AT)


def test_what_was_accepted_warns_and_lets_its_day_through(lake: TenantLake) -> None:
    build(lake, fell(FELL, EARLIER), MONDAY, TUESDAY)
    assert standing(lake, TABLE, CHECK, TUESDAY).findings == (FELL,)
    let_through(lake)
    assert build(lake, fell(FELL, EARLIER), MONDAY, TUESDAY, hour=1).status == "failed"
    assert build(lake, fell(EARLIER), MONDAY, hour=2).status == "failed"

    found = build(lake, fell(FELL), TUESDAY, hour=3)
    assert (found.status, found.severity) == ("warned", Severity.ERROR)
    require_met(failures(lake, [TABLE]), [TUESDAY])
    with pytest.raises(TerminalError, match="2024-03-04"):
        require_met(failures(lake, [TABLE]), [MONDAY, TUESDAY])
    words = "accepted by ada on 2024-03-06: exchanged by the fitters"
    last = lake.scan(CHECK_RESULTS).sort("at").collect().row(-1, named=True)
    assert (last["status"], last["observed"], last["findings"]) == ("warned", f"1 fell; {words}", [FELL])
    (shown,) = as_results_of(found)
    assert shown.severity.value == "WARN"
    assert not shown.passed
    assert shown.description == f"1 fell; {words}."
    assert shown.metadata["checked"].value == "accepting-co, 2024-03-05"
    assert told(found)["accepted"] == words
    assert words in checks_table([found])


def as_results_of(outcome: Outcome):
    from lake.tables import table

    return as_results(table(TABLE), [outcome], "accepting-co, 2024-03-05")


def test_both_days_are_accepted_each_for_itself(lake: TenantLake) -> None:
    build(lake, fell(FELL, EARLIER), MONDAY, TUESDAY)
    let_through(lake)
    let_through(lake, MONDAY)
    assert build(lake, fell(FELL, EARLIER), MONDAY, TUESDAY, hour=1).status == "warned"
    require_met(failures(lake, [TABLE]), [MONDAY, TUESDAY])


def test_an_accepted_day_is_let_through_among_others_that_are_not(lake: TenantLake) -> None:
    build(lake, fell(FELL, EARLIER), MONDAY, TUESDAY)
    let_through(lake)
    mixed = build(lake, fell(FELL, EARLIER), MONDAY, TUESDAY, hour=1)
    assert (mixed.status, mixed.days, mixed.findings) == ("failed", {MONDAY}, (EARLIER,))
    assert mixed.observed == "2 fell; of 2 findings 1 accepted by ada on 2024-03-06: exchanged by the fitters"
    require_met(failures(lake, [TABLE]), [TUESDAY])
    with pytest.raises(TerminalError, match="2024-03-04"):
        require_met(failures(lake, [TABLE]), [MONDAY, TUESDAY])
    with pytest.raises(InputError, match="of other days"):
        standing(lake, TABLE, CHECK, TUESDAY)
    let_through(lake, MONDAY)
    assert build(lake, fell(FELL, EARLIER), MONDAY, TUESDAY, hour=2).status == "warned"


def test_a_day_of_which_one_finding_is_accepted_stays_blocked(lake: TenantLake) -> None:
    build(lake, fell(FELL), TUESDAY)
    let_through(lake)
    assert build(lake, fell(FELL, OTHER, EARLIER), MONDAY, TUESDAY, hour=1).days == {MONDAY, TUESDAY}
    with pytest.raises(TerminalError):
        require_met(failures(lake, [TABLE]), [TUESDAY])


@pytest.mark.parametrize(
    "later",
    [
        fell(FELL, OTHER),
        fell(OTHER),
        fell(FELL.replace("680.0", "679.0")),
        fell(FELL, check="one_bridge_a_machine"),
        Outcome(CHECK, False, Severity.ERROR, FELL, "a counter rises"),
    ],
)
def test_another_finding_blocks_again(lake: TenantLake, later: Outcome) -> None:
    build(lake, fell(FELL), TUESDAY)
    let_through(lake)
    assert build(lake, later, TUESDAY, hour=1).status == "failed"
    with pytest.raises(TerminalError):
        require_met(failures(lake, [TABLE]), [TUESDAY])


def test_another_tenant_s_day_stays_blocked(lake: TenantLake, tmp_path: Path) -> None:
    other = Lake(str(tmp_path)).tenant("other-co")
    for one in (lake, other):
        build(one, fell(FELL), TUESDAY)
    let_through(lake)
    assert build(other, fell(FELL), TUESDAY, hour=1).status == "failed"
    assert other.version(ACCEPTANCES) is None
    with pytest.raises(TerminalError):
        require_met(failures(other, [TABLE]), [TUESDAY])


def test_a_figure_about_all_rows_is_accepted_of_a_day_built_by_itself(lake: TenantLake) -> None:
    build(lake, whole("2 of 9 rows break it"), MONDAY, TUESDAY)
    with pytest.raises(InputError, match=r"several days at once.*lake backfill --from 2024-03-05 --to 2024-03-05"):
        standing(lake, TABLE, "keys_are_unique", TUESDAY)
    build(lake, whole("2 of 9 rows break it"), TUESDAY, hour=1)
    let_through(lake, check="keys_are_unique")
    assert build(lake, whole("2 of 9 rows break it"), MONDAY, TUESDAY, hour=2).status == "failed"
    assert build(lake, whole("3 of 9 rows break it"), TUESDAY, hour=3).status == "failed"
    assert build(lake, whole("2 of 9 rows break it"), TUESDAY, hour=4).status == "warned"


def test_only_what_stands_failed_can_be_accepted(lake: TenantLake) -> None:
    with pytest.raises(InputError, match="a table that was built"):
        standing(lake, TABLE, CHECK, TUESDAY)
    build(lake, fell(FELL), MONDAY, TUESDAY)
    record(lake, TABLE, [Outcome("rows_come_once", False, Severity.WARN, "x", "y")], Occasion((TUESDAY,), "r", AT))
    for check, day, message in (
        ("counters", TUESDAY, r"no blocking check.*expected counters_only_rise"),
        ("rows_come_once", TUESDAY, "no blocking check"),
        (CHECK, date(2024, 3, 9), "not run on this day"),
        (CHECK, MONDAY, "of other days"),
    ):
        with pytest.raises(InputError, match=message):
            standing(lake, TABLE, check, day)
    let_through(lake)
    build(lake, fell(FELL), TUESDAY, hour=1)
    with pytest.raises(InputError, match=r"nothing to accept.*is accepted"):
        standing(lake, TABLE, CHECK, TUESDAY)
    build(lake, Outcome(CHECK, True, Severity.ERROR, "nothing", "a counter rises"), TUESDAY, hour=2)
    with pytest.raises(InputError, match=r"nothing to accept.*it passed"):
        standing(lake, TABLE, CHECK, TUESDAY)


@pytest.mark.parametrize("reason", ["", " \n ", "x" * 501])
def test_a_reason_says_something(reason: str) -> None:
    with pytest.raises(InputError, match="needs a reason"):
        checked_reason(reason)
    assert checked_reason("  exchanged\n on  site ") == "exchanged on site"


def test_results_from_before_findings_were_kept_are_read(lake: TenantLake) -> None:
    """A table made before it had the column gets it with the next result."""
    from dataclasses import replace

    old = replace(CHECK_RESULTS, columns=tuple(one for one in CHECK_RESULTS.columns if one.name != "findings"))
    row = {"table": TABLE, "check": CHECK, "status": "failed", "severity": "error", "observed": "1 fell"}
    rest = {"expected": "x", "day_first": TUESDAY, "day_last": TUESDAY, "run_id": "r", "at": AT, "date": AT.date()}
    lake.append(old, pa.Table.from_pylist([row | rest], schema=old.schema))
    assert standing(lake, TABLE, CHECK, TUESDAY).findings == (finding(TUESDAY, "1 fell"),)
    build(lake, fell(FELL), TUESDAY, hour=1)
    assert standing(lake, TABLE, CHECK, TUESDAY).findings == (FELL,)
