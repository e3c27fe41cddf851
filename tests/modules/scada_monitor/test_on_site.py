"""Tools that ask a bridge: what comes back, what is kept, and what is said when nobody answers."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from core.bridge_calls import BridgeOfflineError
from core.contracts.evidence import SiteEvidence
from core.sdk.pipeline.call import Outcome
from core.sdk.pipeline.stack import call_tool
from core.sdk.testing import FakeAudit, tool_context
from core.sdk.testing_site import FakeSite
from modules.scada_monitor.ai.tools import historian_query, read_tag, snapshot

TOOLS = {tool.name: tool for tool in (historian_query, read_tag, snapshot)}
NOON = datetime(2023, 4, 10, 12, tzinfo=UTC)
FLOW = {"equipment": "pump-1", "signal": "flow"}


def row(signal: str, minute: int, value: float | None, *, good: bool = True) -> dict[str, Any]:
    at = (NOON + timedelta(minutes=minute)).isoformat()
    quality = "0x00000000" if good else "0x800A0000"
    told = {"value": value, "text": None, "unit": "l/min", "quality": quality, "good": good, "age_s": 0.5}
    return {"equipment": "pump-1", "signal": signal, "ts": at, **told}


@pytest.fixture
def site() -> FakeSite:
    flow = [row("flow", n, 100.0 + n) for n in range(30)]
    return FakeSite([*flow, row("heat", 3, None, good=False)], withheld=["pump-1.noise"])


async def call(bridges: FakeSite, tool: str, audit: FakeAudit | None = None, **arguments: Any) -> Outcome:
    context = tool_context(
        permissions=["SCADA.READ"], subscriptions=["SCADA_MONITOR"], bridges=bridges, audit=audit or FakeAudit()
    )
    return await call_tool(TOOLS[tool], arguments, context)


async def test_a_tag_is_read_and_the_record_names_the_bridge(site: FakeSite) -> None:
    audit = FakeAudit()
    outcome = await call(site, "read_tag", audit, **FLOW)
    assert outcome.result is not None
    assert outcome.result.findings == ["On site, flow of pump-1 is 129 l/min as of 2023-04-10 12:29 UTC."]
    (evidence,) = outcome.result.evidence
    assert isinstance(evidence, SiteEvidence)
    assert (evidence.site, evidence.bridge, evidence.signals) == ("north", "north-bridge", ["pump-1.flow"])
    assert (evidence.first, evidence.contract, evidence.rows) == (None, "north 1.0.0", 1)
    assert audit.records[0]["after"]["evidence"] == ["north-bridge@31"]


async def test_a_snapshot_tells_what_is_kept_and_what_is_not_good(site: FakeSite) -> None:
    outcome = await call(site, "snapshot", equipment="pump-1", site="north")
    assert outcome.result is not None
    assert outcome.result.findings == [
        "Flow of pump-1 is 129 l/min as of 2023-04-10 12:29 UTC.",
        "Heat of pump-1 is “nothing” (quality 0x800A0000, not good) as of 2023-04-10 12:03 UTC.",
        "The contract keeps on site: pump-1.noise.",
    ]


async def test_history_over_days_moments_and_windows(site: FakeSite) -> None:
    day = await call(site, "historian_query", **FLOW, since="2023-04-10", until="2023-04-10")
    assert day.result is not None and day.result.window is not None
    assert (day.result.window.first, day.result.window.last) == (date(2023, 4, 10), date(2023, 4, 10))
    assert day.result.findings == [
        "The historian on site has 30 readings of flow of pump-1 from 2023-04-10 12:00 to 12:29 UTC: "
        "lowest 100 l/min at 2023-04-10 12:00 UTC, highest 129 l/min at 2023-04-10 12:29 UTC, "
        "last 129 l/min at 2023-04-10 12:29 UTC."
    ]
    (evidence,) = day.result.evidence
    assert isinstance(evidence, SiteEvidence)
    assert (evidence.first, evidence.last) == ("2023-04-10T00:00:00+00:00", "2023-04-11T00:00:00+00:00")
    part = await call(site, "historian_query", **FLOW, since="2023-04-10T14:05:00+02:00", until="2023-04-10T12:07:00Z")
    assert part.result is not None and len(part.result.rows) == 2
    mean = await call(site, "historian_query", **FLOW, since="2023-04-10", aggregate="mean")
    assert mean.result is not None and mean.result.window is not None
    assert mean.result.window.last is None, "without an end, up to the newest"
    assert mean.result.findings == [
        "By the historian on site, mean of flow of pump-1, windows of P1D: 114.5 l/min from 2023-04-10 00:00 UTC."
    ]
    none = await call(site, "historian_query", **FLOW, since="2022-01-01", until="2022-01-02")
    assert none.result is not None and not none.result.found
    assert none.result.findings == ["The historian on site has no flow of pump-1 from 2022-01-01 to 2022-01-02."]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"since": "2023-04-10", "every": "PT1H"}, "`every` is the length"),
        ({"since": "2023-04-10T12:00:00"}, "arguments of historian_query are wrong"),
        ({"since": "2023-04-10", "until": "2023-04-09"}, "`since` is not before `until`"),
        ({"since": "2023-04-10", "aggregate": "median"}, "arguments of historian_query are wrong"),
        ({}, "arguments of historian_query are wrong"),
        ({"since": "2023-04-10", "tenant": "other"}, "the tenant comes from the sign-in"),
    ],
)
async def test_wrong_arguments_do_not_reach_the_site(arguments: dict[str, Any], said: str) -> None:
    outcome = await call(FakeSite([], error=AssertionError), "historian_query", **FLOW, **arguments)  # type: ignore[arg-type]  nobody may ask
    assert outcome.exit.value in ("invalid", "denied")
    assert said in outcome.message


@pytest.mark.parametrize("tool", sorted(TOOLS))
async def test_an_offline_bridge_and_a_withheld_signal_are_said(site: FakeSite, tool: str) -> None:
    more = {"read_tag": FLOW, "snapshot": {}, "historian_query": {**FLOW, "since": "2023-04-10"}}[tool]
    site.error = BridgeOfflineError("north-bridge", "north", NOON)
    outcome = await call(site, tool, **more)
    assert outcome.exit.value == "failed"
    assert outcome.message.startswith("bridge north-bridge of site north is offline since 2023-04-10T12:00:00+00:00")
    site.error = None
    if "signal" in more:
        outcome = await call(site, tool, **{**more, "signal": "noise"})
        assert (outcome.exit.value, "withheld by the contract" in outcome.message) == ("denied", True)


async def test_a_context_without_bridges_says_so() -> None:
    context = tool_context(permissions=["SCADA.READ"], subscriptions=["SCADA_MONITOR"])
    outcome = await call_tool(snapshot, {}, context)
    assert (outcome.exit.value, outcome.message) == (
        "failed", "this tool asks a bridge, and its context reaches none"
    )  # fmt: skip
