"""`platform lake accept` on a real installation: recorded with who and why, audited, and of one tenant alone."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import pytest

from cli.main import main
from core.audit import Actor
from lake.opening import open_lake
from lake.tables.ops import ACCEPTANCES
from quality.expected import Severity
from quality.outcome import Occasion, Outcome, finding, record

if TYPE_CHECKING:
    from core.tenancy import Tenancy
    from tests.conftest import Installation

_ACTOR = Actor.command("test")
DAY, TABLE, CHECK = date(2024, 3, 5), "silver.readings", "counters_only_rise"
FELL = finding(DAY, "mill: m-2 pieces fell from 1350.0 to 680.0 at 2024-03-05 12:00:00.000000+00:00")
pytestmark = pytest.mark.integration


async def test_one_tenant_s_finding_is_accepted_once_and_audited(
    prepared: Installation, tenancy: Tenancy, capsys: pytest.CaptureFixture[str]
) -> None:
    slugs = ("accept-one", "accept-two")
    scopes = [await tenancy.create(slug, slug, actor=_ACTOR) for slug in slugs]
    lakes = [open_lake(prepared.run, prepared.settings).tenant(slug) for slug in slugs]
    for lake in lakes:
        failed = Outcome(CHECK, False, Severity.ERROR, "m-2 pieces fell", "a counter rises", findings=(FELL,))
        record(lake, TABLE, [failed], Occasion((DAY,), "run", datetime(2024, 3, 6, tzinfo=UTC)))

    async def told(code: int, *words: str) -> str:
        capsys.readouterr()
        argv = ["lake", "accept", *words, "--tenant", slugs[0], "--run", str(prepared.run.path)]
        assert await asyncio.to_thread(main, argv) == code
        said = capsys.readouterr()
        return said.err if code else said.out

    right = {"--day": "2024-03-05", "--check": CHECK, "--reason": "exchanged by the fitters"}

    def argv(table: str = TABLE, **other: str) -> list[str]:
        words = right | {f"--{name}": value for name, value in other.items()}
        return [table, *(part for pair in words.items() for part in pair)]

    for code, words, message in (
        (1, argv("silver.nothing"), "no such table"),
        (2, argv(day="yesterday"), "not a day"),
        (2, argv(day="2024-03-06"), "not run on this day"),
        (2, argv(check="counters"), f"expected {CHECK}"),
        (2, argv(reason="  "), "an acceptance needs a reason"),
    ):
        said = await told(code, *words)
        assert message in said
        assert said.count("error: ") == 1
    assert lakes[0].version(ACCEPTANCES) is None

    said = await told(0, *argv())
    assert f"accepted: {FELL}" in said
    assert "platform lake backfill --from 2024-03-05 --to 2024-03-05 --tenant accept-one" in said
    (row,) = lakes[0].scan(ACCEPTANCES).collect().to_dicts()
    assert (row["finding"], row["reason"], row["date"]) == (FELL, "exchanged by the fitters", DAY)
    assert row["accepted_by"].endswith("(command:lake accept)")
    assert json.loads(await told(0, *argv(), "--json"))["findings"] == [FELL]

    (*_, entry) = [one for one in await tenancy.audit.newest(scopes[0]) if one.action == "lake.accept"]
    assert entry.target == f"{TABLE} {CHECK} {DAY}"
    assert lakes[1].version(ACCEPTANCES) is None
    assert not [one for one in await tenancy.audit.newest(scopes[1]) if one.action == "lake.accept"]
