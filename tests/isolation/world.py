"""Two tenants that hold the same things under the same names, side by side in one installation.

What belongs to B says `of beta` in every text and is seven times as large in every number. What only B has is called
`hidden`, so that the same question about something `hollow`, which never existed, tells whether anybody can see the
difference.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from uuid import UUID

import httpx
from fastapi import FastAPI

from agents.api.app import create_app
from agents.api.services import Services
from agents.wiring import open_services
from core.connector import TenantDataConnector
from core.contracts.data_contract import DataContract
from core.db import TenantScope
from core.eventlog.memory import MemoryLog
from core.identity import Authority, IdentityService, SessionTokens
from core.module_settings import ModuleSettings
from core.sdk.loader import Module, builtin_modules
from core.settings import AgentSettings, IdentitySettings
from core.subscriptions import ModuleRegistry, Subscriptions
from core.tenancy import Purpose, Tenancy
from core.tenancy.stores import database_of, role_of
from core.vault.vault import Vault
from ingestion.gateway.register import PlatformRegister
from ingestion.gateway.server import Gateway
from lake.store import Lake
from tests.conftest import PATIENT, Installation
from tests.isolation import filling
from tests.isolation.detector import Detector
from tests.isolation.server import Server, look_at
from tests.isolation.techniques import Names

A, B, NOBODY = "twin-alpha", "twin-beta", "twin-zeta"
MARK = {A: "of alpha", B: "of beta"}
PUBLIC_URL = "https://platform.example"
PASSWORD = "the same password for both"
HALL, HIDDEN_HALL = "same-hall", "hidden-hall"
HIDDEN_ATTIC = "hidden_attic"
"""A schema that only B has put aside."""
SETTING, CHOSEN = "listed_rows", {A: 333, B: 1771}
"""What each chose of the module's settings."""
ROWS = 3
"""Rows of the table of notes, in each tenant."""
_NEXT_DIGIT = str.maketrans("0123456789abcdefABCDEF", "1234567890bcdefaBCDEFA")
"""A digit for a digit, a letter for a letter: the id that comes out is shaped alike and belongs to nobody."""


@dataclass(frozen=True)
class Administering:
    """What a tenant's administrator works with and on."""

    token: str
    helper_id: UUID
    """A member to whom anything may be done."""
    role: str
    key_id: UUID
    invitation: str
    """A link that is good."""
    reset: str
    """The same, for the helper's password."""
    spent: str
    """A link in whose place another one has come."""


@dataclass(frozen=True)
class Side:
    """One of the two, with everything it can be asked by."""

    scope: TenantScope
    mark: str
    data: TenantDataConnector
    contract: DataContract
    bridge_key: str
    tokens: SessionTokens
    person_id: UUID
    email: str
    session_id: UUID
    administering: Administering
    staff: filling.Staff
    packages: filling.Packed

    @property
    def session_of_token(self) -> UUID:
        """The session its person is signed in by."""
        return self.tokens.session_id

    @property
    def token(self) -> str:
        """Access token of its person."""
        return self.tokens.access

    @property
    def database(self) -> str:
        """Its database."""
        return database_of(self.scope)

    @property
    def role(self) -> str:
        """Its database role."""
        return role_of(self.scope)

    @property
    def names(self) -> Names:
        """What others may have heard of it."""
        return Names(self.scope.slug, str(self.scope.id), self.database, self.role, HIDDEN_HALL)


@dataclass(frozen=True, eq=False)
class World:
    """A looks for B."""

    installation: Installation
    tenancy: Tenancy
    identity: IdentityService
    lake: Lake
    app: FastAPI
    client: httpx.AsyncClient
    modules: list[Module]
    a: Side
    b: Side
    hidden_contract: DataContract
    """Of the site that only B has."""
    hidden_key: str
    """Of that site's bridge."""
    settings: ModuleSettings
    """What both chose of a module's."""
    gateway: str
    """Address of a gateway for the bridges of both."""
    log: MemoryLog
    """The event log behind it."""
    server: Server
    """What is below the product."""

    @property
    def services(self) -> Services:
        """What the app stands on."""
        return self.app.state.services

    @property
    def names(self) -> Names:
        """What an attacker may have heard of B."""
        return self.b.names

    def detector(self) -> Detector:
        """What only B has, and a stranger for each of its names."""
        b = self.b
        told = {B, B.replace("-", "_"), "hidden", b.mark, b.email, b.bridge_key[-43:], self.hidden_key[-43:]}
        links = (b.administering.invitation, b.administering.reset, b.administering.spent)
        told |= {b.staff.api_key[-43:], b.tokens.refresh, *(one.rpartition(".")[2] for one in (b.token, *links))}
        ids = {b.scope.id, b.person_id, b.session_id, b.session_of_token, b.staff.key_id, b.staff.invitation_id}
        ids |= {b.administering.helper_id, b.administering.key_id}
        hashes = {b.contract.sha256, self.hidden_contract.sha256}
        marks = told | hashes | {str(one) for one in ids} | {one.hex for one in ids}
        strangers = {B: NOBODY, B.replace("-", "_"): NOBODY.replace("-", "_"), "hidden": "hollow", "Hidden": "Hollow"}
        strangers |= {B.replace("-", " "): NOBODY.replace("-", " ")}  # as results say a name
        strangers |= {B.upper(): NOBODY.upper(), B.title(): NOBODY.title(), "HIDDEN": "HOLLOW"}
        strangers |= {b.administering.spent: b.administering.spent.translate(_NEXT_DIGIT)}
        strangers |= {b.mark: b.mark.replace("beta", "zeta")}
        told_in_hex = {spelt for one in ids for spelt in (str(one), one.hex, str(one).upper())} | hashes
        strangers |= {one: one.translate(_NEXT_DIGIT) for one in told_in_hex}
        return Detector(marks, strangers)


@asynccontextmanager
async def two_tenants(installation: Installation) -> AsyncGenerator[World]:
    """The two, filled, and the agent service over them, for as long as the block lasts."""
    settings = installation.settings.model_copy(update={"agents": AgentSettings(provider="offline")})
    # As long as the whole suite may take on a busy machine.
    settings = settings.model_copy(update={"identity": IdentitySettings(access_minutes=240, **PATIENT)})
    # B's bridges are silent all the time; that anybody says so would look like a change.
    patient = settings.gateway.model_copy(update={"bridge_down_after_s": 86_400.0})
    settings = settings.model_copy(update={"gateway": patient})
    lake, modules = Lake(installation.run.lake_root(settings)), builtin_modules()
    async with AsyncExitStack() as stack:
        tenancy = await stack.enter_async_context(await Tenancy.open(installation.run, installation.postgres, settings))
        identity = IdentityService(tenancy, installation.run, settings)
        vault = Vault.over(tenancy.platform, installation.run, settings, tenancy.audit)
        sides = [await _side(tenancy, identity, vault, lake, slug) for slug in MARK]
        hidden = await filling.site(tenancy, sides[1].scope, HIDDEN_HALL, "hidden-pump", MARK[B], filling.ACTOR)
        manifests = [module.manifest for module in modules]
        await ModuleRegistry(tenancy).sync(manifests, actor=filling.ACTOR)
        subscriptions = Subscriptions(tenancy, identity, manifests)
        for side in sides:
            await subscriptions.start(side.scope, actor=filling.ACTOR)
        await filling.attic(tenancy, sides[1].scope, HIDDEN_ATTIC)
        opening = partial(open_services, installation.run, installation.postgres, settings, modules)
        app = create_app(partial(opening, public_url=PUBLIC_URL), modules)
        await stack.enter_async_context(app.router.lifespan_context(app))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        client = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://test"))
        log = MemoryLog()
        gateway = Gateway(log, PlatformRegister(tenancy, identity), patient)
        listening = await stack.enter_async_context(gateway.serving(0))
        address = f"ws://127.0.0.1:{next(iter(listening.sockets)).getsockname()[1]}"
        server = await stack.enter_async_context(look_at(installation, *(side.names for side in sides)))
        settled = ModuleSettings(tenancy, subscriptions, vault)
        for side in sides:
            chosen = {SETTING: CHOSEN[side.scope.slug]}
            await settled.choose(side.scope, filling.MODULE, chosen, actor=filling.ACTOR)
        yield World(
            installation,
            tenancy,
            identity,
            lake,
            app,
            client,
            modules,
            a=sides[0],
            b=sides[1],
            hidden_contract=hidden[0],
            hidden_key=hidden[1],
            settings=settled,
            gateway=address,
            log=log,
            server=server,
        )


async def _side(tenancy: Tenancy, identity: IdentityService, vault: Vault, lake: Lake, slug: str) -> Side:
    scope, mark = await tenancy.create(slug, f"Works {MARK[slug]}", actor=filling.ACTOR), MARK[slug]
    rights = {"SCADA.READ": ["viewer"], "FLEET.READ": ["viewer"], "PLATFORM.USE_AGENTS": ["viewer"]}
    for code in ("SCADA", "FLEET", "PLATFORM"):
        own = {right: roles for right, roles in rights.items() if right.startswith(code)}
        await identity.grant_module_permissions(scope, code, own, actor=filling.ACTOR)
    await identity.add_person(scope, "both@works.example", "Bo", PASSWORD, "viewer", actor=filling.ACTOR)
    email = "ann@alpha.example" if slug == A else "hidden@beta.example"
    person_id = await identity.add_person(scope, email, f"Ann {mark}", PASSWORD, "viewer", actor=filling.ACTOR)
    contract, key = await filling.site(tenancy, scope, HALL, "pump", mark, filling.ACTOR)
    data = await filling.notes(tenancy, scope, mark, ROWS, hidden=slug == B)
    await filling.memory(tenancy, scope, mark)
    await filling.secrets(vault, scope, mark, hidden=slug == B)
    await filling.way_in(tenancy, vault, scope, mark, open_to_all=slug == A)
    filling.lake(lake.tenant(slug), mark, hidden=slug == B)
    await tenancy.consents.grant(scope, Purpose.FLEET, actor=filling.ACTOR)
    session_id = await filling.session(tenancy, scope, person_id, mark)
    administering = await _administering(identity, scope, hidden=slug == B)
    staff = await filling.staff(identity, scope, hidden=slug == B)
    packed = await filling.packages(tenancy, vault, scope)
    tokens = await identity.sign_in(slug, email, PASSWORD)
    return Side(scope, mark, data, contract, key, tokens, person_id, email, session_id, administering, staff, packed)


async def _administering(identity: IdentityService, scope: TenantScope, *, hidden: bool) -> Administering:
    name, by, add = "hidden" if hidden else "own", Authority(filling.ACTOR, None), identity.members.add
    people = [
        await add(scope, f"{name}-{role}@works.example", name, None, role, actor=filling.ACTOR)
        for role in ("admin", "viewer")
    ]
    opened = await identity.open_session(scope, people[0], "external:test")
    role = await identity.roles.create(scope, f"{name} role", ["SCADA.READ"], by=by)
    key = await identity.api_keys.create(scope, f"{name}-program", f"{name} key", ["viewer"], by=by)
    spent, good = [
        await identity.invitations.invite(scope, f"{name}-visitor@works.example", name, ["viewer"], by=by)
        for _ in range(2)
    ]
    reset = await identity.credentials.reset_link(scope, people[1], by=by)
    return Administering(opened.access, people[1], role, key.id, good.token, reset.token, spent.token)
