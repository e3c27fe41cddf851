"""The real parts: sign-in, tenant databases, the Delta lake, audit, and two tenants side by side."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pyarrow as pa
import pytest

from agents.api.app import create_app
from agents.api.services import Services
from agents.wiring import open_services
from core.audit import Actor, ActorKind
from core.contracts.evidence import Evidence
from core.identity import Authority, IdentityService
from core.sdk.loader import builtin_manifests, builtin_modules
from core.sdk.pipeline.call import Exit
from core.sdk.pipeline.stack import call_tool
from core.sdk.sample import SamplePlant
from core.settings import AgentSettings
from core.subscriptions import ModuleRegistry, Subscriptions
from core.tenancy import Tenancy
from lake.reader import LakeReader
from lake.store import Lake
from lake.tables import TABLES

_ACTOR = Actor.command("test")
PASSWORD = "correct horse battery staple"
PLANTS = {
    "dairy-a": SamplePlant(prefix="separator", equipment_type="milk_separator"),
    "dairy-b": SamplePlant(scale=7.0),
}
pytestmark = pytest.mark.integration


@dataclass
class Service:
    """The running app and the tokens of one person a tenant."""

    client: httpx.AsyncClient
    tokens: dict[str, str]
    lake: Lake
    tenancy: Tenancy
    parts: Services


def as_declared(name: str, table: pa.Table) -> pa.Table:
    """A sample table in the declared schema; columns the sample lacks are null, or zero where they may not be."""
    schema = TABLES[name].schema
    columns = []
    for field in schema:
        if field.name in table.column_names:
            columns.append(table[field.name].cast(field.type))
        elif field.nullable:
            columns.append(pa.nulls(len(table), field.type))
        else:
            columns.append(pa.array([0] * len(table)).cast(field.type))
    return pa.table(columns, schema=schema)


async def _subscriptions(prepared: Any, tenancy: Tenancy) -> Subscriptions:
    manifests = builtin_manifests()
    await ModuleRegistry(tenancy).sync(manifests, actor=_ACTOR)
    return Subscriptions(tenancy, IdentityService(tenancy, prepared.run, prepared.settings), manifests)


@pytest.fixture
async def service(prepared: Any, tenancy: Tenancy) -> AsyncIterator[Service]:
    settings = prepared.settings.model_copy(update={"agents": AgentSettings(provider="offline")})
    identity = IdentityService(tenancy, prepared.run, settings)
    lake = Lake(prepared.run.lake_root(settings))
    subscriptions = await _subscriptions(prepared, tenancy)
    for slug, plant in PLANTS.items():
        scope = await tenancy.create(slug, slug.replace("-", " ").title(), actor=_ACTOR)
        await subscriptions.start(scope, actor=_ACTOR)
        await identity.add_person(scope, f"ana@{slug}.example", "Ana", PASSWORD, "viewer", actor=_ACTOR)
        for name, table in plant.tables().items():
            lake.tenant(slug).replace_all(TABLES[name], as_declared(name, table))
    modules = builtin_modules()
    opened: list[Services] = []

    @asynccontextmanager
    async def parts() -> AsyncGenerator[Services]:
        async with open_services(prepared.run, prepared.postgres, settings, modules, public_url="http://test") as one:
            opened.append(one)
            yield one

    app = create_app(parts, modules)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as client,
    ):
        tokens = {}
        for slug in PLANTS:
            body = {"tenant": slug, "email": f"ana@{slug}.example", "password": PASSWORD}
            tokens[slug] = (await client.post("/api/v1/auth/sign-in", json=body)).json()["token"]
        yield Service(client, tokens, lake, tenancy, opened[0])


async def ask(service: Service, slug: str, message: str, **body: Any) -> dict[str, dict[str, Any]]:
    headers = {"authorization": f"Bearer {service.tokens[slug]}"}
    response = await service.client.post("/api/v1/chat", json={"message": message, **body}, headers=headers)
    assert response.status_code == 200, response.text
    blocks = [block.split("\n", 1) for block in response.text.strip().split("\n\n")]
    return {head.removeprefix("event: "): json.loads(data.removeprefix("data: ")) for head, data in blocks}


async def test_an_analyst_asks_and_every_number_is_found_again(service: Service) -> None:
    question = "What happened to separator 1 in early April, and has it happened before?"
    events = await ask(service, "dairy-a", question)
    answer = events["answer"]
    assert "SEAL_LEAK" in answer["text"] and "2023-04-06" in answer["text"]
    assert (answer["verified"], answer["provider"]) == (True, "offline")
    reader = LakeReader(service.lake.tenant("dairy-a"))
    for item in answer["evidence"]:
        evidence = Evidence.model_validate(item)
        assert len(reader.rerun(evidence)) == evidence.rows
    again = await ask(service, "dairy-a", "And since when is it known?", session_id=events["done"]["session_id"])
    assert again["done"]["session_id"] == events["done"]["session_id"]
    scope = await service.tenancy.get("dairy-a")
    assert (await service.tenancy.audit.verify(scope)).ok


async def test_a_tenant_never_sees_the_other(service: Service) -> None:
    means: dict[str, float] = {}
    for slug, machine in (("dairy-a", "separator-1"), ("dairy-b", "pump-1")):
        events = await ask(service, slug, f"What was the flow of {machine} in April?")
        means[slug] = events["tool_result"]["result"]["rows"][0]["mean"]
        other = {"dairy-a": "pump", "dairy-b": "separator"}[slug]
        stranger = await ask(service, slug, f"What happened to {other}-1?")
        assert f"I know no {other}" in stranger["answer"]["text"]
        assert other not in json.dumps(stranger["tool_result"])
    assert math.isclose(means["dairy-b"], 7 * means["dairy-a"], rel_tol=1e-9)
    session = (await ask(service, "dairy-a", "Which machines do you know?"))["done"]["session_id"]
    headers = {"authorization": f"Bearer {service.tokens['dairy-b']}"}
    body = {"message": "And mine?", "session_id": session}
    assert (await service.client.post("/api/v1/chat", json=body, headers=headers)).status_code == 404


async def test_a_module_that_is_taken_away_takes_its_tools_and_routes_along(
    service: Service, prepared: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope = await service.tenancy.get("dairy-b")
    elsewhere = await _subscriptions(prepared, service.tenancy)
    monkeypatch.setattr("core.subscriptions.subscriptions.REMEMBERED_S", 0.0)
    headers = {"authorization": f"Bearer {service.tokens['dairy-b']}"}

    async def seen() -> tuple[set[str], int]:
        tools = (await service.client.get("/api/v1/tools", headers=headers)).json()
        route = await service.client.get("/api/v1/scada-monitor/equipment", headers=headers)
        return {tool["module"] for tool in tools}, route.status_code

    assert await seen() == ({"SCADA_MONITOR", "FLEET_RELIABILITY", "PLATFORM"}, 200)
    await elsewhere.unsubscribe(scope, "SCADA_MONITOR", actor=_ACTOR)
    assert await seen() == ({"FLEET_RELIABILITY", "PLATFORM"}, 403)
    [denial] = await service.tenancy.audit.newest(scope, 1)
    assert (denial.action, denial.target, denial.outcome) == (
        "route.call",
        "GET /api/v1/scada-monitor/equipment",
        "denied",
    )
    other = {"authorization": f"Bearer {service.tokens['dairy-a']}"}
    assert (await service.client.get("/api/v1/scada-monitor/equipment", headers=other)).status_code == 200
    await elsewhere.subscribe(scope, "SCADA_MONITOR", actor=_ACTOR)
    assert await seen() == ({"SCADA_MONITOR", "FLEET_RELIABILITY", "PLATFORM"}, 200)


async def test_a_suspended_tenant_is_cut_from_routes_and_from_tools_of_an_answer_under_way(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.identity.standing.REMEMBERED_S", 0.0)
    scope = await service.tenancy.get("dairy-b")
    token = service.tokens["dairy-b"]
    begun = await service.parts.context_of(await service.parts.identity.verify(token))
    tools = {tool.name: tool for module in builtin_modules() for tool in module.tools}
    tool = tools["describe_site"]

    async def seen() -> tuple[int, Exit]:
        routes = await service.client.get("/api/v1/tools", headers={"authorization": f"Bearer {token}"})
        outcome = await call_tool(tool, {}, await begun.within(tool.module_code))
        return routes.status_code, outcome.exit

    before = await seen()
    await service.tenancy.suspend(scope, actor=_ACTOR)
    during = await seen()
    [denial] = await service.tenancy.audit.newest(scope, 1)
    await service.tenancy.resume(scope, actor=_ACTOR)

    assert (before, during) == ((200, Exit.OK), (401, Exit.DENIED))
    assert (denial.action, denial.outcome, denial.after["message"]) == (
        "tool.call", "denied", "the tenant is not active"
    )  # fmt: skip
    assert await seen() == before


async def test_what_a_program_does_with_its_key_is_recorded_as_its_own(service: Service, prepared: Any) -> None:
    scope = await service.tenancy.get("dairy-a")
    keys = IdentityService(service.tenancy, prepared.run, prepared.settings).api_keys
    by, limit = Authority.command("test"), ["FLEET.READ"]
    made = await keys.create(scope, f"robot-{uuid4().hex[:8]}", "shifts", ["viewer"], limited_to=limit, by=by)

    response = await service.client.get(
        "/api/v1/scada-monitor/equipment", headers={"authorization": f"Bearer {made.key}"}
    )

    assert response.status_code == 403, response.text
    [denial] = await service.tenancy.audit.newest(scope, 1)
    assert (denial.actor.kind, denial.actor.name.partition("-")[0]) == (ActorKind.API_KEY, "robot")
