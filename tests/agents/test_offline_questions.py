"""Questions of all kinds to a site that stands nowhere else: the right tool or a refusal, never another answer.

Water works with blowers and a dosing pump. The tools stand among others that have nothing to do with plants; whole
answers come from a lake in memory.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from agents.analyst.catalogue import Catalogue, FaultCode, Machine
from agents.analyst.choose import Chooser
from agents.analyst.plan import Step, make_plan
from agents.conversation import ToolDefinition
from agents.executor import Executor
from agents.verify import verify
from core.contracts.evidence import Evidence
from core.embedding import embedder
from core.sdk.context import ToolContext
from core.sdk.sample import SamplePlant
from core.sdk.testing import FakeLake, tool_context

DAYS = (date(2021, 3, 1), date(2021, 11, 30))
WATER_WORKS = Catalogue(
    machines=(
        *(Machine(f"blower-{n}", "aeration_blower", *DAYS) for n in range(1, 7)),
        Machine("dosing-pump-1", "dosing_pump", *DAYS),
    ),
    signals=(
        *(("aeration_blower", name) for name in ("discharge_pressure", "winding_temperature", "shaft_vibration")),
        ("dosing_pump", "chlorine_flow"),
    ),
    codes=(
        FaultCode("aeration_blower", "SURGE", "Blower surges"),
        FaultCode("dosing_pump", "DRY_RUN", "Pump runs dry"),
    ),
)
B2: dict[str, Any] = {"equipment": "blower-2"}
B2_ONLY: dict[str, Any] = {"equipment": ["blower-2"]}
MAY = {"first": "2021-05-01", "last": "2021-05-31"}
APRIL = {"first": "2021-04-01", "last": "2021-04-30"}
SPRING = {"first": "2021-03-01", "last": "2021-05-31"}
SUMMER = {"first": "2021-06-01", "last": "2021-08-31"}


@pytest.fixture(scope="module")
def chooser() -> Chooser:
    return Chooser(embedder())


def plan(question: str, offered: list[ToolDefinition], chooser: Chooser) -> list[Step]:
    return make_plan(question, (), WATER_WORKS, offered, chooser)


@pytest.mark.parametrize(
    ("question", "tool", "calls"),
    [
        ("Anything unusual on blower 2 in May?", "what_happened", [{**B2, **MAY}]),
        ("What went wrong with blower 2 last Friday?", "what_happened", None),
        ("What happened to blower 2 last spring?", "what_happened", [{**B2, **SPRING}]),
        ("Why is blower 2 degrading?", "what_happened", [B2]),
        ("Why does blower 2 need attention?", "what_happened", [B2]),
        ("What drives the score of blower 2?", "what_happened", [B2]),
        ("Why is blower 2 in such bad shape?", "what_happened", [B2]),
        ("Give me the three blowers in the worst shape", "rank_equipment", None),
        ("Which blower will break down soonest?", "rank_equipment", None),
        ("Is blower 2 healthy?", "rank_equipment", [B2_ONLY]),
        ("Is blower 2 running inside its healthy envelope?", "healthy_envelope", [B2_ONLY]),
        ("Was blower 2 outside its envelope in May?", "healthy_envelope", [{**B2_ONLY, **MAY}]),
        (
            "Which blowers are outside their healthy envelope?",
            "healthy_envelope",
            [{"equipment_type": "aeration_blower"}],
        ),
        ("Which blowers have less than 30 cycles left?", "rank_equipment", None),
        ("Did blower 2 ever surge?", "fault_episodes", [{**B2, "fault_code": "SURGE"}]),
        ("How many times did the dosing pump run dry?", "fault_episodes", None),
        ("Was there an alarm three days ago?", "fault_episodes", [{"first": "2021-11-27", "last": "2021-11-27"}]),
        ("Has the fault of blower 2 happened before?", "similar_incidents", [B2]),
        (
            "How did the winding temperature of blower 2 develop in spring?",
            "sensor_history",
            [{**B2, "signal": "winding_temperature", **SPRING}],
        ),
        (
            "Compare the chlorine flow in April and May",
            "sensor_history",
            [{"equipment": "dosing-pump-1", "signal": "chlorine_flow", **month} for month in (APRIL, MAY)],
        ),
        (
            "Was the discharge pressure of blower 2 higher in summer than in spring?",
            "sensor_history",
            [{**B2, "signal": "discharge_pressure", **season} for season in (SUMMER, SPRING)],
        ),
        (
            "Did the winding temperature of blower 2 exceed 80 degrees in May?",
            "sensor_history",
            [{**B2, "signal": "winding_temperature", **MAY, "above": 80.0}],
        ),
        (
            "Which day had the highest shaft vibration in May?",
            "signal_extremes",
            [{"signal": "shaft_vibration", "direction": "highest", **MAY}],
        ),
        ("Compare April and May", "compare_equipment", [APRIL, MAY]),
        ("How do April and May compare for blower 2?", "compare_equipment", [{**B2_ONLY, **m} for m in (APRIL, MAY)]),
        ("Put blower 2 and blower 5 side by side", "compare_equipment", [{"equipment": ["blower-2", "blower-5"]}]),
        ("How many faults did we have in May?", "kpi_summary", [{"kpi": "fault_count", **MAY}]),
        ("What is the utilisation of blower 2?", "kpi_summary", [{**B2_ONLY, "kpi": "utilisation"}]),
        ("How long does it take to fix blower 2 on average?", "kpi_summary", [{**B2_ONLY, "kpi": "mttr"}]),
        ("Which readings do you record of the dosing pump?", "describe_site", None),
        ("Is anything missing from the data?", "data_checks", [{}]),
    ],
)
def test_the_right_tool(
    question: str, tool: str, calls: list[dict[str, Any]] | None, offered: list[ToolDefinition], chooser: Chooser
) -> None:
    (step,) = plan(question, offered, chooser)
    assert (step.tool, step.refusal) == (tool, None)
    if calls is not None:
        assert list(step.calls) == calls


@pytest.mark.parametrize(
    "question",
    [
        "How old is blower 2?",
        "What is the age of the dosing pump?",
        "Which blower is the oldest?",
        "What year was blower 2 manufactured?",
        "When was blower 2 installed?",
        "Is blower 2 under warranty?",
        "Is it under warranty?",
        "When does the warranty of the dosing pump expire?",
        "What does a new blower cost?",
        "How much money did the surge cost us?",
        "What is the price of a spare part for blower 2?",
        "Who is on shift?",
        "Who cleaned blower 2?",
        "Who is responsible for blower 2?",
        "What is the serial number of blower 2?",
        "When was blower 2 last serviced?",
        "How heavy is blower 2?",
        "Is blower 2 safe?",
        "How much energy did blower 2 use in May?",
        "What colour is the dosing pump?",
        "Will it rain tomorrow?",
        "What is the weather like at the site?",
        "What is the capital of France?",
        "Explain how a blower works",
        "What will happen to blower 2 next year?",
        "How will the winding temperature be next winter?",
        "What happened to blower 7?",
        "Why is blower 81 degrading?",
        "What happened to the turbine in May?",
        "What happened on Sundays?",
        "Was the winding of blower 2 hotter at night?",
        "What happened on 31 April?",
    ],
)
def test_a_refusal(question: str, offered: list[ToolDefinition], chooser: Chooser) -> None:
    (step,) = plan(question, offered, chooser)
    assert step.tool is None and step.refusal
    assert not step.calls


def test_seasons_are_said(offered: list[ToolDefinition], chooser: Chooser) -> None:
    (step,) = plan("What happened to blower 2 last winter?", offered, chooser)
    assert list(step.calls) == [{**B2, "first": "2020-12-01", "last": "2021-02-28"}]
    assert step.notes == ("Winter is taken as December to February.",)


def test_a_time_that_is_not_understood_says_which_are(offered: list[ToolDefinition], chooser: Chooser) -> None:
    (step,) = plan("What happened at the weekend?", offered, chooser)
    assert step.refusal is not None
    assert "“weekend”" in step.refusal and "seasons" in step.refusal and "2021-11-30" in step.refusal


def test_a_tool_that_knows_of_other_books_is_asked(offered: list[ToolDefinition], chooser: Chooser) -> None:
    schema = {"type": "object", "properties": {"equipment": {"type": "string"}}, "required": ["equipment"]}
    books = ToolDefinition(
        "asset_register",
        "Age, manufacturer, price and warranty of a machine.",
        schema,
        ("How old is this machine?", "Is this machine under warranty?"),
    )
    (step,) = plan("Is blower 2 under warranty?", [*offered, books], chooser)
    assert (step.tool, list(step.calls)) == ("asset_register", [B2])


@pytest.fixture(scope="module")
def works() -> ToolContext:
    plant = SamplePlant(
        prefix="blower", equipment_type="aeration_blower", site="water", first=date(2021, 10, 10), days=80
    )
    subscribed = ["SCADA_MONITOR", "FLEET_RELIABILITY"]
    rights = ["SCADA.READ", "FLEET.READ"]
    return tool_context(permissions=rights, subscriptions=subscribed, lake=FakeLake(plant.tables()))


async def ask(executor: Executor, context: ToolContext, question: str) -> tuple[dict[str, Any], list[str]]:
    """The answer, and the numbers in it that running its evidence again does not give."""
    answer = [event async for event in executor.answer(question, context)][-1].data
    lake = context.lake
    assert isinstance(lake, FakeLake)
    cited = [*answer["evidence"], *answer["catalogue"]]
    again = [{"rows": lake.rerun(Evidence.model_validate(item))} for item in cited]
    windows = [{"rows": [call["arguments"]]} for call in answer["tools"]]
    return answer, verify(answer["text"], [*again, *windows], question).unmatched


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Compare November and December", "Mean anomaly score was "),
        ("How do November and December compare for blower 2?", "Mean anomaly score of blower-2 was higher"),
        ("Compare autumn and winter", "Autumn is taken as September to November."),
        ("Why is blower 2 degrading?", "bearing temperature rising"),
        ("How many faults did we have?", "2 in total, on 1 of 3 machines"),
        ("What happened to blower 2 last summer?", "There is no data of blower-2 from 2021-06-01 to 2021-08-31."),
        ("Compare blower 1 and blower 2 in July 2030", "There is nothing to compare from 2030-07-01"),
        ("What was the flow of blower 3 on 1 January 1999?", "There is no flow of blower-3 on 1999-01-01."),
        ("What was the flow of blower 3 in November?", "Flow of blower-3 from 2021-11-01 to 2021-11-30"),
        ("Has the fault of blower 1 happened before?", "Yes, SEAL_LEAK was raised once on blower-1 before"),
    ],
)
async def test_an_answer_is_what_its_evidence_gives_again(
    executor: Executor, works: ToolContext, question: str, said: str
) -> None:
    answer, missing = await ask(executor, works, question)
    assert said in answer["text"]
    assert (answer["unmatched"], missing) == ([], [])


@pytest.mark.parametrize("question", ["How old is blower 2?", "Is it under warranty?", "Who is on shift?"])
async def test_a_refusal_tells_no_figure_and_what_can_be_asked(
    executor: Executor, works: ToolContext, question: str
) -> None:
    answer, _ = await ask(executor, works, question)
    assert "None of my tools answers" in answer["text"]
    assert "I can answer questions such as “" in answer["text"]
    assert "anomaly" not in answer["text"] and answer["evidence"] == []
