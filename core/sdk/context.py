"""What a tool receives: one tenant's data, one person's rights, and no way to name another tenant."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID, uuid4

from core.contracts.evidence import Evidence, SiteEvidence
from core.errors import NotFoundError, TerminalError
from core.sdk.core_data import CoreDataService
from core.vault.secret import Secret

Vectors = Sequence[Sequence[float]]


class Answer(Protocol):
    """Rows of one lake query and where they came from."""

    @property
    def columns(self) -> Sequence[str]: ...
    @property
    def rows(self) -> list[dict[str, Any]]: ...
    @property
    def evidence(self) -> list[Evidence]: ...


@dataclass(frozen=True, slots=True)
class _Nothing:
    """The answer of a table nothing was written to yet."""

    columns: Sequence[str] = ()
    rows: list[dict[str, Any]] = field(default_factory=lambda: list[dict[str, Any]]())
    evidence: list[Evidence] = field(default_factory=lambda: list[Evidence]())


class LakeReader(Protocol):
    """Read-only DuckDB SQL over one tenant's Delta tables, written under their full names (`gold.kpi_daily`)."""

    def query(self, sql: str, tables: Sequence[str], parameters: Mapping[str, object] = ...) -> Answer: ...


class SiteAnswer(Protocol):
    """What a bridge said, and where it was read."""

    @property
    def rows(self) -> list[dict[str, Any]]: ...
    @property
    def evidence(self) -> list[SiteEvidence]: ...
    @property
    def withheld(self) -> list[str]: ...
    @property
    def never_read(self) -> list[str]: ...
    @property
    def truncated(self) -> bool: ...


class SiteReader(Protocol):
    """Calls to the bridges of one tenant: they read, and nothing on site changes by them."""

    async def read_tag(self, equipment: str, signal: str, *, site: str | None = ...) -> SiteAnswer: ...
    async def snapshot(
        self, equipment: str | None = ..., *, site: str | None = ..., limit: int = ...
    ) -> SiteAnswer: ...
    async def historian_query(
        self,
        equipment: str,
        signal: str,
        since: datetime,
        until: datetime,
        *,
        aggregate: str | None = ...,
        every: str | None = ...,
        site: str | None = ...,
        limit: int = ...,
    ) -> SiteAnswer: ...


class DataConnector(Protocol):
    """The part of the tenant data connector that tools use."""

    async def query(
        self,
        table: str,
        filters: Any = ...,
        *,
        order_by: str | Sequence[str] | None = ...,
        limit: int | None = ...,
        columns: Sequence[str] | None = ...,
    ) -> list[dict[str, Any]]: ...
    async def vector_search(
        self, table: str, query_vector: Sequence[float], top_k: int = ..., *, filters: Any = ...
    ) -> list[dict[str, Any]]: ...


class Tenant(Protocol):
    """Whose data this is."""

    @property
    def id(self) -> UUID: ...
    @property
    def slug(self) -> str: ...
    @property
    def name(self) -> str: ...


class Person(Protocol):
    """Who asks."""

    @property
    def email(self) -> str: ...
    @property
    def tenant(self) -> Tenant: ...
    @property
    def permissions(self) -> frozenset[str]: ...


class AuditTrail(Protocol):
    """Where every exit of a tool call is written; bound to one tenant and one person."""

    async def record(
        self, action: str, target: str, after: Mapping[str, Any], outcome: str, *, agent: str | None, request_id: str
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class ToolContext:
    """One tenant, one person, one session. Built by the platform, never by a module or a model.

    Attributes:
        tenant: whose data the readers below are bound to.
        identity: the person the tool acts for; an agent never exceeds them.
        subscriptions: codes of the modules the tenant had when this was made; `has_module` asks anew.
        audit: trail every exit is written to.
        agent: module code of the acting agent, None when a person calls through the API.
    """

    tenant: Tenant
    identity: Person
    subscriptions: frozenset[str]
    audit: AuditTrail
    agent: str | None = None
    correlation_id: str = field(default_factory=lambda: uuid4().hex)
    lake: LakeReader | None = None
    data: DataConnector | None = None
    connector_of: Callable[[str], Awaitable[DataConnector]] | None = None
    """Opens the connector of a module, which writes that module's own schema only."""
    embedder: Callable[[list[str]], Awaitable[Vectors]] | None = None
    bridges: SiteReader | None = None
    """The tenant's bridges, asked over the sockets they opened; `on_site` for tools."""
    core: CoreDataService | None = None
    """The tenant's users, subscriptions, settings and bridges."""
    module_code: str | None = None
    """Module whose tables, settings and secrets these are."""
    is_active: Callable[[], Awaitable[bool]] | None = None
    """Asked before every call: a tenant may be suspended or removed while an answer is made."""

    async def within(self, module_code: str) -> ToolContext:
        """This context with the connector of one module and its settings' secrets."""
        core = self.core.within(module_code, self.agent) if self.core is not None else None
        data = await self.connector_of(module_code) if self.connector_of is not None else self.data
        return replace(self, data=data, core=core, module_code=module_code)

    async def has_module(self, module_code: str) -> bool:
        """Whether the tenant can use a module now, and could when this context was made."""
        if module_code not in self.subscriptions:
            return False
        return self.core is None or await self.core.has_module(module_code)

    async def settings(self) -> Mapping[str, Any]:
        """Effective values of the module's own settings, by key; see `CoreDataService.get_module_settings`.

        Raises:
            TerminalError: this context belongs to no module.
        """
        core, module_code = self._own()
        return await core.get_module_settings(module_code)

    async def secret(self, key: str, *, purpose: str) -> Secret:
        """One of the module's own secrets.

        Args:
            key: of the setting.
            purpose: why it is read; stands in the access log.

        Raises:
            NotFoundError: it is not set.
            TerminalError: this context belongs to no module.
        """
        core, _ = self._own()
        return await core.get_secret(key, purpose=purpose)

    def _own(self) -> tuple[CoreDataService, str]:
        if self.core is None or self.module_code is None:
            raise TerminalError("settings and secrets are a module's, and this context belongs to none")
        return self.core, self.module_code

    async def read(self, sql: str, tables: Sequence[str], parameters: Mapping[str, object] | None = None) -> Answer:
        """Run one read-only query over the tenant's lake, off the event loop.

        Args:
            sql: DuckDB SQL; values as `$name`.
            tables: full names of the tables it reads.
            parameters: values by name.

        Returns:
            The rows and their evidence; no rows and no evidence if nothing was written to the table yet.

        Raises:
            TerminalError: this context has no lake.
        """
        if self.lake is None:
            raise TerminalError("this tool needs the lake, and its context has none")
        try:
            return await asyncio.to_thread(self.lake.query, sql, list(tables), dict(parameters or {}))
        except NotFoundError:
            return _Nothing()

    @property
    def on_site(self) -> SiteReader:
        """The tenant's bridges.

        Raises:
            TerminalError: this context reaches none.
        """
        if self.bridges is None:
            raise TerminalError("this tool asks a bridge, and its context reaches none")
        return self.bridges

    async def embed(self, texts: list[str]) -> Vectors:
        """Vectors of some texts, one each.

        Raises:
            TerminalError: this context has no embedder.
        """
        if self.embedder is None:
            raise TerminalError("this tool needs embeddings, and its context has none")
        return await self.embedder(texts)
