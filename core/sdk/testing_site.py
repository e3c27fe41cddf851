"""What a module author tests calls to bridges with: a site in memory, or one that cannot be reached."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from core.contracts.evidence import SiteEvidence
from core.errors import DeniedError, GoldlayerError, NotFoundError


@dataclass(frozen=True, slots=True)
class FakeSiteAnswer:
    """What a bridge said."""

    rows: list[dict[str, Any]]
    evidence: list[SiteEvidence]
    withheld: list[str] = field(default_factory=lambda: list[str]())
    never_read: list[str] = field(default_factory=lambda: list[str]())
    truncated: bool = False


@dataclass(slots=True)
class FakeSite:
    """A site with one bridge, in memory.

    Attributes:
        readings: rows as a bridge gives them, with `equipment`, `signal`, `ts` (ISO 8601) and `value`, oldest first.
        withheld: signals that stay on site, `pump-1.flow`.
        error: raised by every call, as when the bridge is offline.
    """

    readings: list[dict[str, Any]]
    withheld: list[str] = field(default_factory=lambda: list[str]())
    error: GoldlayerError | None = None
    site: str = "north"

    async def read_tag(self, equipment: str, signal: str, *, site: str | None = None) -> FakeSiteAnswer:
        """The newest reading of a signal."""
        return self._answer(f"read_tag({equipment}.{signal})", self._of(equipment, signal, site)[-1:])

    async def snapshot(
        self, equipment: str | None = None, *, site: str | None = None, limit: int = 1_000
    ) -> FakeSiteAnswer:
        """The newest reading of every signal."""
        newest = {(row["equipment"], row["signal"]): row for row in self._of(equipment, None, site)}
        return self._answer(f"snapshot({equipment})", list(newest.values())[:limit], truncated=len(newest) > limit)

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
    ) -> FakeSiteAnswer:
        """Readings of a time; in windows, one of them over the whole time."""
        found = [row for row in self._of(equipment, signal, site) if since <= datetime.fromisoformat(row["ts"]) < until]
        if aggregate is not None and found:
            values = [row["value"] for row in found]
            told = {"mean": sum(values) / len(values), "min": min(values), "max": max(values), "last": values[-1]}
            value = told.get(aggregate, float(len(values)))
            window = {"start": since.isoformat(), "aggregate": aggregate, "every": every, "value": value}
            found = [{"equipment": equipment, "signal": signal, "unit": found[0].get("unit"), **window}]
        call = f"historian_query({equipment}.{signal})"
        return self._answer(call, found[-limit:], span=(since, until), truncated=len(found) > limit)

    def _of(self, equipment: str | None, signal: str | None, site: str | None) -> list[dict[str, Any]]:
        if self.error is not None:
            raise self.error
        if site not in (None, self.site):
            raise NotFoundError("no such site", expected=self.site, received=site)
        if f"{equipment}.{signal}" in self.withheld:
            raise DeniedError(f"site {self.site} refuses: {equipment}.{signal} is withheld by the contract")
        known = [row for row in self.readings if f"{row['equipment']}.{row['signal']}" not in self.withheld]
        return [row for row in known if equipment in (None, row["equipment"]) and signal in (None, row["signal"])]

    def _answer(
        self,
        call: str,
        rows: list[dict[str, Any]],
        *,
        span: tuple[datetime, datetime] | None = None,
        truncated: bool = False,
    ) -> FakeSiteAnswer:
        evidence = SiteEvidence(
            site=self.site,
            bridge=f"{self.site}-bridge",
            signals=list(dict.fromkeys(f"{row['equipment']}.{row['signal']}" for row in rows)),
            first=span[0].isoformat() if span else None,
            last=span[1].isoformat() if span else None,
            read_at="2000-01-01T00:00:00+00:00",
            contract=f"{self.site} 1.0.0",
            position=len(self.readings),
            rows=len(rows),
            query=call,
        )
        withheld = self.withheld if call.startswith("snapshot") else []
        return FakeSiteAnswer(rows, [evidence], withheld, [], truncated)
