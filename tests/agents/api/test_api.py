"""Sign-in, chat, tools and module routes; two tenants that never see one another."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI

from agents.api.app import create_app
from agents.api.services import Services
from agents.executor import Executor
from agents.platform_tools import READ_INSTRUCTIONS
from agents.providers.face import Provider
from agents.registry import Registry
from agents.sessions import MemoryTables, Sessions
from core.errors import DeniedError
from core.sdk.loader import builtin_modules
from core.sdk.sample import SamplePlant
from core.sdk.testing import FakeAudit, FakeLake, FakePerson, FakeTenant, tool_context

RIGHTS = frozenset({"SCADA.READ", "FLEET.READ", READ_INSTRUCTIONS})


@dataclass
class House:
    """Two tenants with plants of the same names and other values, and a person each; one person has no rights."""

    tenants: dict[str, FakeTenant]
    people: dict[str, FakePerson]
    plants: dict[UUID, SamplePlant]
    sessions: dict[UUID, MemoryTables]
    audits: dict[UUID, FakeAudit]

    async def verify(self, token: str) -> FakePerson:
        if token not in self.people:
            raise DeniedError("the token is not valid")
        return self.people[token]

    async def context_of(self, person: Any) -> Any:
        return tool_context(
            permissions=tuple(person.permissions),
            subscriptions=["SCADA_MONITOR", "FLEET_RELIABILITY"],
            lake=FakeLake(self.plants[person.tenant.id].tables()),
            tenant=person.tenant,
            audit=self.audits[person.tenant.id],
        )

    async def sessions_of(self, person: Any) -> Sessions:
        return Sessions(self.sessions[person.tenant.id], person.person_id)


@pytest.fixture
def house() -> House:
    a, b = FakeTenant("alpha", "Alpha"), FakeTenant("beta", "Beta")
    people = {
        "token-a": FakePerson(a, RIGHTS, "ana@example.com"),
        "token-b": FakePerson(b, RIGHTS, "ben@example.com"),
        "token-none": FakePerson(a, frozenset(), "nil@example.com"),
    }
    return House(
        {"alpha": a, "beta": b},
        people,
        {a.id: SamplePlant(), b.id: SamplePlant(scale=7.0, site="south")},
        {a.id: MemoryTables(), b.id: MemoryTables()},
        {a.id: FakeAudit(), b.id: FakeAudit()},
    )


@pytest.fixture
def app(house: House, registry: Registry, analyst: Provider) -> FastAPI:
    @asynccontextmanager
    async def opened() -> AsyncIterator[Services]:
        yield Services(house, None, None, registry, Executor(registry, [analyst]), house.context_of, house.sessions_of)

    return create_app(opened, builtin_modules())


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://test") as opened,
    ):
        yield opened


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def chat(client: httpx.AsyncClient, token: str, message: str, **body: Any) -> list[tuple[str, dict[str, Any]]]:
    response = await client.post("/api/v1/chat", json={"message": message, **body}, headers=bearer(token))
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/event-stream")
    blocks = [block.split("\n", 1) for block in response.text.strip().split("\n\n")]
    return [(head.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for head, data in blocks]


async def test_who_is_signed_in(client: httpx.AsyncClient) -> None:
    me = await client.get("/api/v1/me", headers=bearer("token-a"))
    assert (me.json()["tenant_name"], me.json()["email"]) == ("Alpha", "ana@example.com")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/chat"),
        ("GET", "/api/v1/tools"),
        ("GET", "/api/v1/me"),
        ("POST", "/api/v1/auth/sign-out"),
        ("GET", "/api/v1/scada-monitor/equipment"),
        ("GET", "/api/v1/fleet-reliability/ranking"),
    ],
)
async def test_nothing_without_a_token(client: httpx.AsyncClient, method: str, path: str) -> None:
    for headers in ({}, bearer("made-up"), {"authorization": "Basic abc"}):
        response = await client.request(method, path, json={"message": "?"}, headers=headers)
        assert response.status_code == 401
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["correlation_id"] == response.headers["x-correlation-id"]


async def test_an_answer_is_streamed_with_evidence(client: httpx.AsyncClient, house: House) -> None:
    events = await chat(client, "token-a", "What happened to pump-1 in early April?")
    kinds = [kind for kind, _ in events]
    assert kinds[0] == "context_info" and kinds[-2:] == ["answer", "done"]
    assert {"tool_call_start", "tool_call_delta", "tool_call_end", "tool_result", "text", "token_usage"} <= set(kinds)
    answer = dict(events)["answer"]
    assert "SEAL_LEAK" in answer["text"] and answer["verified"] and answer["evidence"]
    records = house.audits[house.tenants["alpha"].id].records
    assert {record["target"] for record in records} >= {
        "SCADA_MONITOR.describe_site",
        "FLEET_RELIABILITY.what_happened",
    }
    assert records[-1]["action"] == "agent.answer"


async def test_two_tenants_with_the_same_names_see_their_own_values_only(client: httpx.AsyncClient) -> None:
    question = "What was the average flow of pump 1 in April?"
    flows = {}
    for token in ("token-a", "token-b"):
        events = await chat(client, token, question)
        results = [
            data["result"] for kind, data in events if kind == "tool_result" and data["name"] == "sensor_history"
        ]
        flows[token] = results[0]["rows"][0]["mean"]
        ours = await client.get("/api/v1/scada-monitor/equipment", headers=bearer(token))
        sites = {row["site"] for row in ours.json()["rows"] if row["kind"] == "equipment"}
        assert sites == {"north" if token == "token-a" else "south"}
    assert flows["token-b"] == pytest.approx(7 * flows["token-a"])


@pytest.mark.parametrize("name", ["tenant", "tenant_id", "slug"])
async def test_no_field_parameter_or_header_names_a_tenant(client: httpx.AsyncClient, house: House, name: str) -> None:
    other = str(house.tenants["beta"].id)
    refused = await client.post("/api/v1/chat", json={"message": "?", name: other}, headers=bearer("token-a"))
    assert refused.status_code == 422
    response = await client.get(
        "/api/v1/scada-monitor/equipment",
        params={name: other},
        headers={**bearer("token-a"), f"x-{name.replace('_', '-')}": other},
    )
    assert {row["site"] for row in response.json()["rows"] if row["kind"] == "equipment"} == {"north"}


async def test_sessions_are_remembered_and_stay_with_their_person(client: httpx.AsyncClient) -> None:
    first = await chat(client, "token-a", "What happened to pump-1 in early May?")
    session = dict(first)["done"]["session_id"]
    second = await chat(client, "token-a", "Has it happened before?", session_id=session)
    assert dict(second)["done"]["session_id"] == session
    assert [call["name"] for call in dict(second)["answer"]["tools"]][-1] == "similar_incidents"
    for token in ("token-b", "token-none"):
        body = {"message": "And mine?", "session_id": session}
        assert (await client.post("/api/v1/chat", json=body, headers=bearer(token))).status_code == 404
    unknown = {"message": "?", "session_id": str(uuid4())}
    assert (await client.post("/api/v1/chat", json=unknown, headers=bearer("token-a"))).status_code == 404


async def test_tools_are_listed_by_right(client: httpx.AsyncClient) -> None:
    names = {tool["name"] for tool in (await client.get("/api/v1/tools", headers=bearer("token-a"))).json()}
    assert {"describe_site", "rank_equipment", "get_tool_instructions"} <= names
    assert (await client.get("/api/v1/tools", headers=bearer("token-none"))).json() == []


async def test_module_routes_want_the_permission(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/v1/fleet-reliability/ranking", headers=bearer("token-none"))
    assert (response.status_code, response.json()["title"]) == (403, "Not allowed")
    ranked = await client.get("/api/v1/fleet-reliability/ranking", params={"top": 2}, headers=bearer("token-a"))
    assert [row["equipment_id"] for row in ranked.json()["rows"]] == ["pump-2", "pump-1"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/api/v1/chat", {}, 422),
        ("POST", "/api/v1/chat", {"message": ""}, 422),
        ("POST", "/api/v1/chat", {"message": "x" * 5000}, 422),
        ("POST", "/api/v1/chat", {"message": "?", "session_id": "not-an-id"}, 422),
        ("GET", "/api/v1/fleet-reliability/ranking?top=1000", None, 422),
        ("GET", "/api/v1/nothing", None, 404),
        ("DELETE", "/api/v1/chat", None, 405),
    ],
)
async def test_bad_requests_are_problem_documents(
    client: httpx.AsyncClient, method: str, path: str, body: dict[str, Any] | None, status: int
) -> None:
    response = await client.request(method, path, json=body, headers=bearer("token-a"))
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert set(response.json()) == {"type", "title", "status", "detail", "correlation_id"}


async def test_an_unexpected_error_says_nothing_of_the_inside(app: FastAPI) -> None:
    async def fail() -> None:
        raise RuntimeError("secret of the inside")

    app.add_api_route("/fail", fail)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        response = await client.get("/fail")
    assert response.status_code == 500
    assert "secret" not in response.text
    assert response.json()["correlation_id"] == response.headers["x-correlation-id"]
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_the_page_needs_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    for path in ("/", "/page.css", "/page.js", "/session.js", "/render.js", "/icon.svg"):
        response = await client.get(path)
        assert response.status_code == 200
        assert "://" not in response.text.replace('xmlns="http://www.w3.org/2000/svg"', "")
    page = (await client.get("/")).text
    assert "<style" not in page and "style=" not in page and "onclick" not in page


@pytest.mark.parametrize("path", ["/", "/page.js", "/openapi.json", "/health", "/api/v1/me", "/docs"])
async def test_every_answer_forbids_a_browser_to_load_from_elsewhere(client: httpx.AsyncClient, path: str) -> None:
    policy = (await client.get(path)).headers["content-security-policy"]
    words = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert words.pop("default-src") == "'none'"
    assert words.pop("require-trusted-types-for") == "'script'"
    assert set(words.values()) == {"'self'", "'none'"}


async def test_the_api_is_described_without_a_page_that_loads_from_elsewhere(client: httpx.AsyncClient) -> None:
    described = (await client.get("/openapi.json")).json()
    assert {"/api/v1/chat", "/api/v1/tools", "/api/v1/scada-monitor/equipment"} <= set(described["paths"])
    for path in ("/docs", "/redoc"):
        assert (await client.get(path)).status_code == 404


async def test_health(client: httpx.AsyncClient) -> None:
    assert (await client.get("/health")).json()["status"] == "ok"
