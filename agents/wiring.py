"""The real parts behind the agent service: platform database, lake, tenant databases, embeddings, providers."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from agents.api.services import Services, SignedIn
from agents.executor import Executor
from agents.models import chain, open_provider
from agents.platform_tools import READ_INSTRUCTIONS, instruction_tools
from agents.registry import Registry
from agents.sessions import SCHEMA, TABLES, Sessions
from core.audit import Actor, Audit
from core.bridge_calls import BridgeCalls, SiteReader
from core.connector import connector_for
from core.data_service import Sources, TenantCoreData
from core.db import TenantScope
from core.embedding import embedder
from core.errors import GoldlayerError
from core.identity import Identity, IdentityService
from core.identity.federation.providers import Providers
from core.identity.federation.service import Federation
from core.log import get_logger
from core.module_settings import ModuleSettings
from core.run.folder import RunFolder
from core.run.postgres import Postgres
from core.sdk.context import DataConnector, ToolContext, Vectors
from core.sdk.loader import Module
from core.sdk.pipeline.permission import PLATFORM
from core.settings import Settings
from core.subscriptions import ModuleRegistry, Subscriptions
from core.tenancy import InactiveTenantError, Tenancy
from core.tenancy.roles import ROLE_TEMPLATES
from core.vault.vault import Vault
from lake.opening import open_lake
from lake.reader import LakeReader
from lake.store import Lake

_log = get_logger("agents")
_MODULES = Actor.service("modules")
"""Who hands out what modules bring."""
_READERS = 8
"""Tenants whose readers are kept."""


@asynccontextmanager
async def open_services(
    run: RunFolder, postgres: Postgres, settings: Settings, modules: list[Module], *, public_url: str
) -> AsyncGenerator[Services]:
    """Everything a request needs, over a run folder whose PostgreSQL is up.

    Args:
        run: the installation.
        postgres: its server, running.
        settings: read once.
        modules: loaded modules.
        public_url: where browsers and identity providers reach the service.

    Raises:
        InputError: the model provider asked for is unknown or has no key.
    """
    models = chain(settings.agents)
    registry = Registry(modules, instruction_tools(modules))
    async with await Tenancy.open(run, postgres, settings) as tenancy, BridgeCalls(tenancy.platform) as calls:
        identity = IdentityService(tenancy, run, settings)
        vault = Vault.over(tenancy.platform, run, settings, tenancy.audit)
        federation = Federation(tenancy, identity, Providers(tenancy, vault), run, public_url)
        providers = [open_provider(model, settings.agents, embedder()) for model in models]
        manifests = [module.manifest for module in modules]
        await ModuleRegistry(tenancy).sync(manifests, actor=_MODULES)
        subscriptions = Subscriptions(tenancy, identity, manifests)
        sources = Sources(tenancy, identity, subscriptions, ModuleSettings(tenancy, subscriptions, vault), vault)
        house = _House(sources, open_lake(run, settings), calls)
        for scope in await tenancy.list():
            await house.make_ready(scope)
        try:
            yield Services(
                identity=house,
                accounts=identity,
                federation=federation,
                registry=registry,
                executor=Executor(registry, providers, max_iterations=settings.agents.max_iterations),
                context_of=house.context_of,
                sessions_of=house.sessions_of,
            )
        finally:
            await federation.close()
            for provider in providers:
                await provider.close()


class _House:
    """Opens one tenant's things for one verified person."""

    def __init__(self, sources: Sources, lake: Lake, calls: BridgeCalls) -> None:
        self._sources = sources
        self._calls = calls
        self._tenancy = sources.tenancy
        self._identity = sources.identity
        self._lake = lake
        self._readers: OrderedDict[TenantScope, LakeReader] = OrderedDict()
        self._granted: set[UUID] = set()
        self._provisioned: set[UUID] = set()

    async def verify(self, token: str) -> Identity:
        """Who a token speaks for; agents are granted to a tenant before its first token is used."""
        person = await self._identity.verify(token)
        if person.tenant.id in self._granted:
            return person
        await self.grant(person.tenant)
        return await self._identity.verify(token)

    async def make_ready(self, scope: TenantScope) -> None:
        """Bring a tenant's modules up to date; one whose database cannot be had is no reason to keep others waiting."""
        try:
            await self._sources.subscriptions.catch_up(scope, actor=_MODULES)
            await self.grant(scope)
        except GoldlayerError as error:
            _log.error("a tenant's modules are not up to date", action="catch_up", tenant=scope.slug, reason=str(error))

    async def grant(self, scope: TenantScope) -> None:
        """Let everybody talk to agents, once; what an admin changed since stays."""
        if scope.id in self._granted:
            return
        everybody = {READ_INSTRUCTIONS: tuple(ROLE_TEMPLATES)}
        await self._identity.grant_module_permissions(scope, PLATFORM, everybody, actor=_MODULES)
        self._granted.add(scope.id)

    async def context_of(self, person: SignedIn) -> ToolContext:
        """What a person works with: built from the verified identity and nothing else."""
        if not isinstance(person, Identity):
            raise TypeError("a verified person is an identity")
        scope = person.tenant

        async def connector_of(module_code: str) -> DataConnector:
            return await connector_for(self._tenancy, scope, schema=module_code.lower())

        async def is_active() -> bool:
            try:
                return await self._tenancy.active(scope.id) == scope
            except InactiveTenantError:
                return False

        return ToolContext(
            tenant=scope,
            identity=person,
            subscriptions=await self._sources.subscriptions.active(scope),
            audit=_Trail(self._tenancy.audit, person),
            lake=self._reader_of(scope),
            connector_of=connector_of,
            embedder=_embed,
            bridges=SiteReader(self._calls, scope, person.actor.name),
            core=TenantCoreData(self._sources, person),
            is_active=is_active,
        )

    def _reader_of(self, scope: TenantScope) -> LakeReader:
        """A tenant's reader; those of the tenants that asked last are kept, each with what stands of its tables."""
        reader = self._readers.pop(scope, None) or LakeReader(self._lake.tenant(scope.slug))
        self._readers[scope] = reader
        while len(self._readers) > _READERS:
            self._readers.popitem(last=False)
        return reader

    async def sessions_of(self, person: SignedIn) -> Sessions:
        """A person's sessions; their tables are made on first use."""
        scope = _scope(person)
        connector = await connector_for(self._tenancy, scope, schema=SCHEMA)
        if scope.id not in self._provisioned:
            await connector.provision_tables(TABLES)
            self._provisioned.add(scope.id)
        return Sessions(connector, person.person_id)


class _Trail:
    """The audit log, bound to one tenant and one person or program."""

    def __init__(self, audit: Audit, identity: Identity) -> None:
        self._audit = audit
        self._scope = identity.tenant
        self._actor = identity.actor

    async def record(
        self, action: str, target: str, after: Mapping[str, Any], outcome: str, *, agent: str | None, request_id: str
    ) -> None:
        """Write one record, of the person or program or of the agent that acts for them."""
        actor = Actor.agent(agent, self._actor.name) if agent else self._actor
        await self._audit.record(self._scope, actor, action, target, None, dict(after), outcome, request_id=request_id)


def _scope(person: SignedIn) -> TenantScope:
    scope = person.tenant
    if not isinstance(scope, TenantScope):
        raise TypeError("a verified identity carries the tenant's scope")
    return scope


async def _embed(texts: list[str]) -> Vectors:
    return (await asyncio.to_thread(embedder().embed, texts)).tolist()
