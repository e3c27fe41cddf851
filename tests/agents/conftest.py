"""An agent over a plant in memory: tools of the real modules, the offline analyst, distractors."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from agents.conversation import ToolDefinition
from agents.executor import Executor
from agents.platform_tools import READ_INSTRUCTIONS, instruction_tools
from agents.providers.face import Provider
from agents.providers.offline import OfflineAnalyst
from agents.registry import Registry
from core.embedding import embedder
from core.sdk.context import ToolContext
from core.sdk.loader import builtin_modules
from core.sdk.sample import SamplePlant
from core.sdk.testing import FakeAudit, FakeLake, FakeTenant, tool_context

MODULES = builtin_modules()
RIGHTS = ("SCADA.READ", "FLEET.READ", READ_INSTRUCTIONS)


def build_context(plant: SamplePlant, tenant: FakeTenant | None = None, audit: FakeAudit | None = None) -> ToolContext:
    async def embed(texts: list[str]) -> list[list[float]]:
        return embedder().embed(texts).tolist()

    return tool_context(
        permissions=RIGHTS,
        subscriptions=[module.manifest.module_code for module in MODULES],
        lake=FakeLake(plant.tables()),
        embedder=embed,
        tenant=tenant,
        audit=audit,
        agent="ANALYST",
    )


def distractor(name: str, description: str, examples: Sequence[str], *, acts: bool, **slots: str) -> ToolDefinition:
    properties = {slot: {"type": kind} for slot, kind in slots.items()}
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return ToolDefinition(name, description, schema, tuple(examples), reads_only=not acts)


DISTRACTORS = (
    distractor("send_email", "Send an e-mail to a person.", ["E-mail the report to Bob."], acts=True, to="string"),
    distractor(
        "create_invoice", "Create an invoice for a customer.", ["Invoice the customer."], acts=True, sum="number"
    ),
    distractor(
        "weather", "Weather of a city.", ["What is the weather in Paris?", "Will it rain?"], acts=False, city="string"
    ),
    distractor(
        "share_price", "Latest share price of a company.", ["What is the share price?"], acts=False, symbol="string"
    ),
    distractor("book_room", "Book a meeting room.", ["Book a room for Monday."], acts=True, room="string"),
    distractor(
        "holiday_balance",
        "Days of leave somebody has left.",
        ["How much leave have I got left?"],
        acts=False,
        person="string",
    ),
)


@pytest.fixture(scope="session")
def registry() -> Registry:
    return Registry(MODULES, instruction_tools(MODULES))


@pytest.fixture(scope="session")
def analyst() -> Provider:
    return OfflineAnalyst(embedder())


@pytest.fixture
def executor(registry: Registry, analyst: Provider) -> Executor:
    return Executor(registry, [analyst])


@pytest.fixture(scope="session")
def plant() -> SamplePlant:
    return SamplePlant()


@pytest.fixture
def context(plant: SamplePlant) -> ToolContext:
    return build_context(plant)


@pytest.fixture(scope="session")
def offered(registry: Registry) -> list[ToolDefinition]:
    """Every real tool among tools that have nothing to do with plants."""
    everything = registry.available(frozenset(m.manifest.module_code for m in MODULES), frozenset(RIGHTS))
    return [*DISTRACTORS[:3], *(entry.definition for entry in everything), *DISTRACTORS[3:]]
