"""What the platform may ask this bridge for: the same tools as on site, behind the contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bridge import historian
from bridge.calls import Caller, Calls
from bridge.driver import Series
from bridge.in_force import Contracts
from bridge.latest import latest, position
from bridge.threads import in_thread
from bridge.tools.arguments import Selection, Stretch, Tag, check
from bridge.tools.devices import Devices
from bridge.tools.reading import Row, as_row, moment, snapshot, units_of
from bridge.tools.release import Release, Thinner, ended_by, every_reading
from core import clock
from core.contracts.reading import Sample, to_us
from core.contracts.site import SiteFile
from core.errors import NotFoundError

Answer = dict[str, Any]
KEPT = {"write_tag": "write on site: platform bridge write; there is no way to write from the platform"}
"""Tools that exist on site and have no route from outside."""
_MOST_NAMED = 100


@dataclass(frozen=True, slots=True)
class SiteTools:
    """The tools of one running bridge, as the platform calls them."""

    site: SiteFile
    contracts: Contracts
    home: Path
    devices: Devices
    thinner: Thinner = field(default_factory=Thinner)

    @property
    def release(self) -> Release:
        """What may leave."""
        return Release.of(self.site, self.contracts.current)

    def calls(self) -> Calls:
        """By name, for the link."""
        tools = {"read_tag": self.read_tag, "snapshot": self.snapshot, "historian_query": self.historian_query}
        return Calls(tools, KEPT)

    async def read_tag(self, caller: Caller, raw: Mapping[str, Any]) -> Answer:
        """One signal, asked for at its device now."""
        del caller
        tag = check(Tag, raw)
        plan = self.release.reading((tag.equipment, tag.signal))
        sample = self.thinner.pick(plan, await self.devices.sample(tag.equipment, tag.signal))
        return await self._answer("read_tag", raw, self._rows([sample]))

    async def snapshot(self, caller: Caller, raw: Mapping[str, Any]) -> Answer:
        """The newest reading of every signal that may leave; those that may not are named, without a value."""
        del caller
        wanted, release = check(Selection, raw), self.release
        if wanted.equipment is not None and all(unit.id != wanted.equipment for unit in self.site.units()):
            raise NotFoundError("no such equipment", received=wanted.equipment)
        found = await in_thread(snapshot, self.site, self.home, wanted.equipment)
        plans = ((release.plan.of(one.equipment_id, one.signal), one) for one in found.samples)
        told = [self.thinner.pick(plan, one) for plan, one in plans if plan.forward]
        kept = [series for series in release.plan.series if wanted.equipment in (None, series[0])]
        withheld = [series for series in kept if not release.forwarded(series)]
        silent = [series for series in found.silent if release.forwarded(series)]
        more = {
            "withheld": _named(withheld),
            "withheld_signals": len(withheld),
            "never_read": _named(silent),
            "truncated": len(told) > wanted.limit,
        }
        return await self._answer("snapshot", raw, self._rows(told[: wanted.limit]), more)

    def _rows(self, samples: list[Sample]) -> list[Row]:
        units, now_us = units_of(self.site), clock.now_us()
        return [as_row(one, units.get((one.equipment_id, one.signal)), now_us) for one in samples]

    async def historian_query(self, caller: Caller, raw: Mapping[str, Any]) -> Answer:
        """Readings of one signal over a time, or aggregates of them in windows."""
        del caller
        asked = check(Stretch, raw)
        series = (asked.equipment, asked.signal)
        if asked.aggregate is not None:
            rows = await self._windows(asked, asked.aggregate, series)
        else:
            rows = await self._readings(asked, series)
        more = {"withheld": [], "truncated": len(rows) > asked.limit}
        return await self._answer("historian_query", raw, rows[-asked.limit :], more)

    async def _windows(self, asked: Stretch, aggregate: str, series: Series) -> list[Row]:
        plan = self.release.window(series, aggregate, asked.every_us)
        since, until = asked.span
        if not every_reading(plan):
            newest = (await in_thread(latest, self.home)).get(series)
            ended_us = ended_by(plan, aggregate, asked.every_us, newest.ts_us) if newest is not None else 0
            until = min(until, moment(ended_us))
        if since >= until:
            return []
        table = await in_thread(historian.windows, self.home, series, (since, until), asked.every_us, asked.limit + 1)
        return [
            {
                "equipment": asked.equipment,
                "signal": asked.signal,
                "start": row["start"].isoformat(),
                "aggregate": aggregate,
                "every": asked.every,
                "value": row[aggregate],
                "unit": units_of(self.site).get(series) if aggregate != "count" else None,
            }
            for row in table.to_pylist()
            if row[aggregate] is not None
        ]

    async def _readings(self, asked: Stretch, series: Series) -> list[Row]:
        plan = self.release.reading(series)
        span, most = asked.span, asked.limit + 1
        if plan.sampling_us is None:
            table = await in_thread(historian.newest, self.home, series, span, most)
        else:
            table = await in_thread(historian.sampled, self.home, series, span, plan.sampling_us, most)
        samples = [
            Sample(*series, to_us(row["ts"]), row["value"], row["text"], row["quality"]) for row in table.to_pylist()
        ]
        return self._rows(samples)

    async def _answer(
        self, tool: str, raw: Mapping[str, Any], rows: list[Row], more: Mapping[str, Any] | None = None
    ) -> Answer:
        """Rows, and where they come from."""
        return {
            "withheld": [],
            "truncated": False,
            **(more or {}),
            "rows": rows,
            "source": {
                "site": self.site.site,
                "contract": self.release.contract,
                "position": await in_thread(position, self.home),
                "call": f"{tool}({', '.join(f'{name}={value!r}' for name, value in sorted(raw.items()))})",
            },
        }


def _named(some: list[Series]) -> list[str]:
    return [".".join(series) for series in some[:_MOST_NAMED]]
