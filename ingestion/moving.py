"""What waits in a tenant's topics: records that are in the log and not yet in the lake."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path

from core.contracts.lanes import topics_of
from core.db import TenantScope
from core.errors import NotFoundError
from core.eventlog import EventLog, Outgoing, Record
from core.tenancy.moving import Content, Contents
from core.tenancy.moving.checksum import checksum_of
from ingestion.sink.plan import offset_id
from ingestion.sink.route import Route, routes_of
from lake.store import Lake

_AT_ONCE = 200
_WAIT_S = 0.5
_SILENCE = 10
"""Reads without an answer after which nothing is left: what lies before the end was trimmed or has expired."""


class WaitingRecords:
    """Implements `Holding`; restored after the lake, whose offsets speak of the log it was filled from."""

    name = "log"

    def __init__(self, log: EventLog, lake: Lake) -> None:
        self._log = log
        self._lake = lake

    async def export(self, scope: TenantScope, to: Path) -> Contents:
        """One JSON Lines file a topic, from where the lake is to where the log ends now; key and value in base64."""
        contents: dict[str, Content] = {}
        routes = {route.topic: route for route in routes_of(scope.slug)}
        for topic in topics_of(scope.slug):
            name, lines = topic.removeprefix(f"{scope.slug}."), list[bytes]()
            spans = {
                partition: (await self._resume(scope, routes.get(topic), partition), end)
                for partition, end in (await self._ends(topic)).items()
            }
            with (to / f"{name}.jsonl").open("wb") as file:
                async for line in self._lines(topic, spans):
                    file.write(line + b"\n")
                    lines.append(line)
            position = ", ".join(f"{n}: {first} to {end}" for n, (first, end) in spans.items())
            contents[name] = Content(len(lines), checksum_of(lines), f"offsets {position}" if spans else None)
        return contents

    async def _ends(self, topic: str) -> dict[int, int]:
        """Where each partition ends now; none if there is no such topic."""
        try:
            return {n: await self._log.end_offset(topic, n) for n in range(await self._log.partitions(topic))}
        except NotFoundError:
            return {}

    async def _lines(self, topic: str, spans: Mapping[int, tuple[int, int]]) -> AsyncGenerator[bytes]:
        for partition, (first, end) in spans.items():
            offset, silence = first, 0
            while offset < end and silence < _SILENCE:
                records = await self._log.read(topic, partition, offset, max_records=_AT_ONCE, wait_s=_WAIT_S)
                for record in records:
                    if record.offset < end:
                        yield _as_line(record)
                offset = records[-1].offset + 1 if records else offset
                silence = 0 if records else silence + 1

    async def _resume(self, scope: TenantScope, route: Route | None, partition: int) -> int:
        if route is None:
            return 0
        name = offset_id(self._log.id, route.topic, partition)
        tables = self._lake.tenant(scope.slug)
        return await asyncio.to_thread(tables.transaction_version, route.main, name) or 0

    async def remains(self, scope: TenantScope) -> str | None:
        """Records in topics of the tenant's name."""
        for topic in topics_of(scope.slug):
            if any((await self._ends(topic)).values()):
                return f"records in topic {topic}"
        return None

    async def restore(self, scope: TenantScope, source: Path) -> Contents:
        """Append them again. The lake forgets how far it had read: lanes tell what it has already."""
        await self._log.ensure_topics(topics_of(scope.slug))
        for route in routes_of(scope.slug):
            await self._begin_anew(scope, route)
        contents: dict[str, Content] = {}
        for topic in topics_of(scope.slug):
            name = topic.removeprefix(f"{scope.slug}.")
            await self._append(topic, source / f"{name}.jsonl")
            spans = {partition: (0, end) for partition, end in (await self._ends(topic)).items()}
            lines = [line async for line in self._lines(topic, spans)]
            contents[name] = Content(len(lines), checksum_of(lines))
        return contents

    async def _append(self, topic: str, file: Path) -> None:
        if not file.exists():  # the export is older than the topic
            return
        with file.open(encoding="utf-8") as lines:
            records: list[Outgoing] = []
            for line in lines:
                records.append(_as_record(topic, line))
                if len(records) == _AT_ONCE:
                    await self._log.append_many(records)
                    records.clear()
            await self._log.append_many(records)

    async def _begin_anew(self, scope: TenantScope, route: Route) -> None:
        """Offsets of a topic that was removed mean other records in the one of that name that was made since."""
        tables = self._lake.tenant(scope.slug)
        partitions = await self._log.partitions(route.topic)
        positions = {offset_id(self._log.id, route.topic, partition): 0 for partition in range(partitions)}
        known = [await asyncio.to_thread(tables.transaction_version, route.main, name) for name in positions]
        if any(known):
            empty = route.main.schema.empty_table()
            await asyncio.to_thread(tables.append, route.main, empty, positions=positions)

    async def remove(self, scope: TenantScope) -> None:
        """The tenant's topics."""
        await self._log.remove_topics(topics_of(scope.slug))


def _as_line(record: Record) -> bytes:
    headers = [[name, base64.b64encode(value).decode()] for name, value in record.headers]
    key = base64.b64encode(record.key or b"").decode()
    return json.dumps({"key": key, "value": base64.b64encode(record.value).decode(), "headers": headers}).encode()


def _as_record(topic: str, line: str) -> Outgoing:
    row = json.loads(line)
    headers = [(name, base64.b64decode(value)) for name, value in row["headers"]]
    return Outgoing(topic, base64.b64decode(row["key"]), base64.b64decode(row["value"]), headers)
