"""What tools ask a tenant's bridges: calls that read, routed to one bridge, answered with evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from core import clock
from core.bridge_calls.calls import BridgeCalls
from core.bridge_calls.errors import CallFailedError
from core.bridge_calls.routing import Place, route
from core.contracts.evidence import SiteEvidence
from core.db import TenantScope

Row = dict[str, Any]
_Span = tuple[datetime, datetime]


class _Source(BaseModel):
    contract: str = Field(max_length=300)
    position: int
    call: str = Field(max_length=2_000)


class _Said(BaseModel):
    """An answer as bridges give it; what else it holds is passed over."""

    rows: list[dict[str, str | float | int | bool | None]]
    withheld: list[str] = []
    never_read: list[str] = []
    truncated: bool = False
    source: _Source


@dataclass(frozen=True, slots=True)
class SiteAnswer:
    """What a bridge said, and where it was read.

    Attributes:
        rows: readings, or aggregates of them.
        evidence: one piece, of the bridge.
        withheld: signals that the contract keeps on site, without a value.
        never_read: signals that nobody has read yet.
        truncated: there are more rows.
    """

    rows: list[Row]
    evidence: list[SiteEvidence]
    withheld: list[str]
    never_read: list[str]
    truncated: bool


class SiteReader:
    """The bridges of one tenant, for one person or program. Every call here reads: none leads to a tool that writes.

    A bridge is found by the equipment it has, by its site, or as the only one (`route`); the errors of that and of
    `BridgeCalls.call` reach the caller.

    Args:
        calls: to all bridges.
        scope: the tenant whose bridges can be asked.
        asked_by: who asks, for the log on site.
    """

    def __init__(self, calls: BridgeCalls, scope: TenantScope, asked_by: str) -> None:
        self._calls = calls
        self._scope = scope
        self._asked_by = asked_by

    async def read_tag(self, equipment: str, signal: str, *, site: str | None = None) -> SiteAnswer:
        """Ask a device for one signal now; of a sampled signal the reading of its interval."""
        return await self._ask("read_tag", {"equipment": equipment, "signal": signal}, site)

    async def snapshot(
        self, equipment: str | None = None, *, site: str | None = None, limit: int = 1_000
    ) -> SiteAnswer:
        """The newest reading of every signal that may leave, of one machine or of a whole site."""
        named = {"equipment": equipment} if equipment is not None else {}
        return await self._ask("snapshot", {**named, "limit": limit}, site)

    async def historian_query(
        self,
        equipment: str,
        signal: str,
        since: datetime,
        until: datetime,
        *,
        aggregate: str | None = None,
        every: str | None = None,
        site: str | None = None,
        limit: int = 200,
    ) -> SiteAnswer:
        """Readings of one signal at full resolution, or one aggregate of them in windows; the newest, oldest first."""
        span = (since.astimezone(UTC), until.astimezone(UTC))
        asked: dict[str, Any] = {"equipment": equipment, "signal": signal, "limit": limit}
        asked |= {"since": span[0].isoformat(), "until": span[1].isoformat()}
        asked |= {"aggregate": aggregate, "every": every} if aggregate is not None else {}
        return await self._ask("historian_query", asked, site, span)

    async def _ask(
        self, tool: str, arguments: Mapping[str, Any], site: str | None, span: _Span | None = None
    ) -> SiteAnswer:
        place = route(await self._calls.places(self._scope), site=site, equipment=arguments.get("equipment"))
        said = _read(await self._calls.call(self._scope, place, tool, arguments, asked_by=self._asked_by), place)
        evidence = _evidence(said, place, span, clock.now_us())
        return SiteAnswer(said.rows, [evidence], said.withheld, said.never_read, said.truncated)


def _read(answer: Mapping[str, Any], place: Place) -> _Said:
    """What stands on site is not ours: an answer is read as strictly as anything that comes from outside."""
    try:
        return _Said.model_validate(answer)
    except ValidationError as error:
        raise CallFailedError(
            f"bridge {place.bridge_id} of site {place.site} answered what cannot be read",
            next_step="platform bridges list says its version; update it",
        ) from error


def _evidence(said: _Said, place: Place, span: _Span | None, now_us: int) -> SiteEvidence:
    first, last = (moment.isoformat() for moment in span) if span is not None else (None, None)
    return SiteEvidence(
        site=place.site,
        bridge=place.bridge_id,
        signals=_signals(said.rows),
        first=first,
        last=last,
        read_at=datetime.fromtimestamp(now_us // 1_000_000, UTC).isoformat(),
        contract=said.source.contract,
        position=said.source.position,
        rows=len(said.rows),
        query=said.source.call,
    )


def _signals(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(f"{row.get('equipment')}.{row.get('signal')}" for row in rows))
