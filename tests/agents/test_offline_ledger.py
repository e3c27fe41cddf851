"""Questions to the ledger and to the bridges: the right tool, the answer, and what is said when nobody answers."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest

from agents.analyst.catalogue import Catalogue, FaultCode, Machine
from agents.analyst.choose import Chooser
from agents.analyst.plan import make_plan
from agents.conversation import ToolDefinition
from agents.executor import Executor
from core.bridge_calls import BridgeOfflineError
from core.embedding import embedder
from core.sdk.context import ToolContext
from core.sdk.sample import SamplePlant
from core.sdk.testing import FakeLake, tool_context
from core.sdk.testing_site import FakeSite
from tests.modules.scada_monitor.test_ledger import BOOKS, tables_of

DAYS = (date(2021, 3, 1), date(2021, 11, 30))
BREWERY = Catalogue(
    machines=(*(Machine(f"kettle-{n}", "wort_kettle", *DAYS) for n in (1, 2)), Machine("cip-1", "cip_skid", *DAYS)),
    signals=(("wort_kettle", "wort_temperature"), ("wort_kettle", "steam_pressure"), ("cip_skid", "caustic_flow")),
    codes=(FaultCode("wort_kettle", "BOIL_OVER", "Kettle boils over"),),
    sites=("hillside", "docks"),
)
K2: dict[str, Any] = {"equipment": "kettle-2"}
MAY = {"first": "2021-05-01", "last": "2021-05-31"}
FIFTH = {"since": "2021-05-05", "until": "2021-05-05"}
FLOW = {"equipment": "cip-1", "signal": "caustic_flow"}
HEAT = {**K2, "signal": "wort_temperature"}


@pytest.fixture(scope="module")
def chooser() -> Chooser:
    return Chooser(embedder())


@pytest.mark.parametrize(
    ("question", "tool", "arguments"),
    [
        ("Was anything lost between bridge and lake?", "data_ledger", {}),
        ("Was anything lost on the way to the lake in May?", "data_ledger", MAY),
        ("Did any readings get lost?", "data_ledger", {}),
        ("Was anything stored twice?", "data_ledger", {}),
        ("Were any rows duplicated?", "data_ledger", {}),
        ("Do the books balance?", "data_ledger", {}),
        ("Show me the ledger of kettle 2 for May", "data_ledger", {**K2, **MAY}),
        ("Show me the ledger of the site hillside", "data_ledger", {"site": "hillside"}),
        ("How complete is the data of kettle 2 in May?", "data_ledger", {**K2, **MAY}),
        ("Why is there a gap in the data of kettle 2?", "data_ledger", K2),
        ("When was kettle 2 not being read in May?", "data_ledger", {**K2, **MAY}),
        ("Is anything missing from the data?", "data_checks", {}),
        ("Which data checks failed?", "data_checks", {}),
        ("What is the live wort temperature of kettle 2?", "read_tag", HEAT),
        ("Read the caustic flow live from the controller", "read_tag", FLOW),
        ("What does the device itself show for the wort temperature of kettle 2 right now?", "read_tag", HEAT),
        ("What was the wort temperature of kettle 2 in May?", "sensor_history", {**HEAT, **MAY}),
        ("Take a snapshot of kettle 2", "snapshot", K2),
        ("Show me a live snapshot of the site docks", "snapshot", {"site": "docks"}),
        ("Which live values does the bridge have of kettle 2?", "snapshot", K2),
        ("What does the historian on site have of the caustic flow on 5 May?", "historian_query", {**FLOW, **FIFTH}),
        (
            "Show the full resolution readings of the wort temperature of kettle 2 on 5 May from the site",
            "historian_query",
            {**HEAT, **FIFTH},
        ),
        (
            "What was the maximum caustic flow by the historian on site on 5 May?",
            "historian_query",
            {**FLOW, **FIFTH, "aggregate": "max"},
        ),
    ],
)
def test_the_right_tool(
    question: str, tool: str, arguments: dict[str, Any], offered: list[ToolDefinition], chooser: Chooser
) -> None:
    (step,) = make_plan(question, (), BREWERY, offered, chooser)
    assert (step.tool, list(step.calls)) == (tool, [arguments])


@pytest.mark.parametrize(
    ("question", "tool"),
    [
        ("What was the maximum caustic flow in May?", "sensor_history"),
        ("What was the average steam pressure of kettle 2 in May?", "sensor_history"),
        ("Show me the readings of the caustic flow on 5 May", "sensor_history"),
        ("What is the caustic flow right now?", "sensor_history"),
        ("When was the caustic flow lowest?", "signal_extremes"),
    ],
)
def test_no_device_is_asked_for_what_the_lake_knows(
    question: str, tool: str, offered: list[ToolDefinition], chooser: Chooser
) -> None:
    (step,) = make_plan(question, (), BREWERY, offered, chooser)
    assert step.tool == tool


def test_completeness_and_the_reasons_for_gaps_are_one_look_into_the_books(
    offered: list[ToolDefinition], chooser: Chooser
) -> None:
    question = "How complete is the data of kettle 2 last week, and why are there gaps?"
    steps = make_plan(question, (), BREWERY, offered, chooser)
    week = {"first": "2021-11-24", "last": "2021-11-30"}
    assert [(step.tool, list(step.calls)) for step in steps] == [("data_ledger", [{**K2, **week}])] * 2


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Write 5 to the caustic flow", "I only read and change nothing"),
        ("Set the wort temperature of kettle 2 to 80", "I only read and change nothing"),
        ("What does the historian on site have of the caustic flow?", "Which days are meant by"),
    ],
)
def test_a_refusal(question: str, said: str, offered: list[ToolDefinition], chooser: Chooser) -> None:
    (step,) = make_plan(question, (), BREWERY, offered, chooser)
    assert step.tool is None and said in (step.refusal or "")


@pytest.fixture
def site() -> FakeSite:
    told = {"text": None, "unit": "l/min", "quality": "0x00000000", "good": True, "age_s": 0.5}
    at = "2023-05-05T{:02d}:00:00+00:00"
    rows = [{"equipment": "pump-1", "signal": "flow", "ts": at.format(n), "value": 17.25 + n, **told} for n in range(5)]
    return FakeSite(rows)


@pytest.fixture
def works(plant: SamplePlant, site: FakeSite) -> ToolContext:
    lake = FakeLake({**plant.tables(), **tables_of(BOOKS)})
    return tool_context(permissions=["SCADA.READ"], subscriptions=["SCADA_MONITOR"], lake=lake, bridges=site)


async def ask(executor: Executor, context: ToolContext, question: str) -> dict[str, Any]:
    answer = [event async for event in executor.answer(question, context)][-1].data
    assert (answer["verified"], answer["unmatched"]) == (True, []), answer["text"]
    return answer


async def test_the_ledger_is_told_with_its_evidence(executor: Executor, works: ToolContext) -> None:
    answer = await ask(executor, works, "Was anything lost between bridge and lake?")
    assert answer["text"].startswith("Nothing was lost and nothing doubled between bridge and lake")
    assert "221 readings read on site, 40 withheld" in answer["text"]
    assert {item["table"] for item in answer["evidence"]} == {"ops.books", "ops.gaps"}
    gaps = await ask(executor, works, "How complete is the data of pump 1 on 10 April 2023, and why are there gaps?")
    assert "Nobody read pump-1 from 2023-04-09 22:00 to 2023-04-10 02:00 UTC, 2 h" in gaps["text"]


async def test_what_a_bridge_says_is_told_with_site_and_bridge(executor: Executor, works: ToolContext) -> None:
    answer = await ask(executor, works, "What is the live flow of pump 1?")
    assert "On site, flow of pump-1 is 21.25 l/min as of 2023-05-05 04:00 UTC." in answer["text"]
    (evidence,) = answer["evidence"]
    assert (evidence["store"], evidence["site"], evidence["bridge"]) == ("site", "north", "north-bridge")
    past = await ask(executor, works, "What does the historian on site have of the flow of pump 1 on 5 May?")
    assert "5 readings of flow of pump-1" in past["text"] and "lowest 17.25 l/min" in past["text"]


async def test_since_when_a_bridge_is_offline_can_be_said(
    executor: Executor, works: ToolContext, site: FakeSite
) -> None:
    site.error = BridgeOfflineError("north-bridge", "north", datetime(2023, 5, 6, 7, 8, tzinfo=UTC))
    answer = await ask(executor, works, "What is the live flow of pump 1?")
    assert "bridge north-bridge of site north is offline since 2023-05-06T07:08:00+00:00" in answer["text"]
    assert all(item["store"] == "delta" for item in answer["evidence"]), "nothing was read on site"
