"""One life of a sink's memory: readers, one a partition, feed an assembly that a committer empties."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator
from typing import ParamSpec, TypeVar

from core.errors import TransientError
from core.eventlog import Record
from core.log import get_logger
from ingestion.sink.assembly import Assembly, Verdict
from ingestion.sink.batch import Batch
from ingestion.sink.job import Job
from ingestion.sink.reused import kept_apart
from ingestion.sink.writer import Writer

_READ_RECORDS = 50
_AT_ONCE_BYTES = 256 << 10
"""Payloads decoded in one go; between two of them a commit that is due goes first."""
_WAIT_S = 1.0
_TRIM_EVERY_S = 10.0
_log = get_logger("sink")
P = ParamSpec("P")
T = TypeVar("T")


class Round:
    """Carries some partitions of a topic; begins where the lake is, ends with the drained log or the first error."""

    def __init__(self, job: Job, stop: asyncio.Event, partitions: Iterable[int]) -> None:
        self._job = job
        self._partitions = sorted(partitions)
        self._log = job.log
        self._topic = job.route.topic
        self._stop = stop
        self._writer = Writer(job.lake, job.route, job.log.id, job.limits)
        room = 5 * job.settings.commit_rows
        self._assembly = Assembly(resume={}, gapless=job.route.gapless, room=room)
        self._readers: list[asyncio.Task[None]] = []
        self._news = asyncio.Event()
        self._space = asyncio.Event()
        self._trimmed_at = 0.0
        self._reused: set[str] = set()
        self.commits = 0

    async def run(self) -> None:
        """Read and commit.

        Raises:
            TransientError: log or lake failed.
            TerminalError: the lake does not take what was planned.
        """
        for partition in self._partitions:
            self._assembly.resume[partition] = await self._resume(partition)
        self._readers = [asyncio.create_task(self._read(partition)) for partition in self._partitions]
        tasks = [*self._readers, asyncio.create_task(self._commit())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _resume(self, partition: int) -> int:
        offset = await asyncio.to_thread(self._writer.resume, partition)
        end = await self._log.end_offset(self._topic, partition)
        if offset <= end:
            return offset
        # Another log than the one the lake was filled from: read all of it, lanes drop what is known.
        _log.error("log is shorter than the lake remembers", action="resume", offset=offset, end=end, **self._job.facts)
        return 0

    async def _read(self, partition: int) -> None:
        """Read until stopped, and then up to what the log held when the stop came."""
        end: int | None = None
        while end is None or self._assembly.position(partition) < end:
            await self._have_room()
            if end is None and self._stop.is_set():
                end = await self._log.end_offset(self._topic, partition)
                continue
            position = self._assembly.position(partition)
            wait_s = _WAIT_S if end is None else 0.1
            records = await self._log.read(self._topic, partition, position, max_records=_READ_RECORDS, wait_s=wait_s)
            for few in _few_at_once(records):
                await self._have_room()
                await self._offer(few)
        self._news.set()

    async def _have_room(self) -> None:
        while self._assembly.rows >= self._job.settings.commit_rows:
            self._space.clear()
            await self._space.wait()

    async def _offer(self, records: list[Record]) -> None:
        batches = await asyncio.to_thread(self._decode, records)
        await self._look_up(batches)
        doubtful = [one for one in batches if self._assembly.judge(one) is Verdict.UNKNOWN]
        others = await asyncio.to_thread(self._writer.others, doubtful) if doubtful else set[int]()
        for batch, record in zip(batches, records, strict=True):
            verdict = self._assembly.judge(batch)
            is_other = verdict is Verdict.OTHER or (verdict is Verdict.UNKNOWN and batch.offset in others)
            self._assembly.offer(await self._apart(batch, record.value) if is_other else batch)
        self._news.set()

    async def _apart(self, batch: Batch, payload: bytes) -> Batch:
        """The batch under a number that is its own: its lane's stands for other content, and maybe more than once."""
        while True:
            if batch.lane not in self._reused:
                self._reused.add(batch.lane)
                facts = {"lane": batch.lane, "seq": batch.seq, **self._job.facts}
                _log.error("numbers of a lane are used again with other content; kept apart", action="reuse", **facts)
            batch = kept_apart(batch, payload)
            await self._look_up([batch])
            verdict = self._assembly.judge(batch)
            if verdict is Verdict.UNKNOWN and await asyncio.to_thread(self._writer.others, [batch]):
                verdict = Verdict.OTHER
            if verdict is not Verdict.OTHER:
                return batch

    async def _look_up(self, batches: list[Batch]) -> None:
        unknown = {batch.lane for batch in batches} - set(self._assembly.last)
        if unknown:
            self._assembly.last.update(await asyncio.to_thread(self._writer.last, unknown))

    def _decode(self, records: list[Record]) -> list[Batch]:
        return [self._job.route.decode(record) for record in records]

    @property
    def _ended(self) -> bool:
        return all(reader.done() for reader in self._readers)

    async def _commit(self) -> None:
        """Commit when enough rows wait or have waited long enough; return when all readers have ended."""
        while True:
            await self._wait_until_due()
            if self._assembly.has_news:
                await self._write()
            elif self._ended:
                return

    async def _wait_until_due(self) -> None:
        settings = self._job.settings
        due: float | None = None
        while not self._ended and self._assembly.rows < settings.commit_rows:
            now = time.monotonic()
            if due is None and self._assembly.has_news:
                due = now + settings.commit_interval_s
            if due is not None and now >= due:
                return
            self._news.clear()
            if self._ended:
                return
            try:
                async with asyncio.timeout(None if due is None else due - now):
                    await self._news.wait()
            except TimeoutError:
                return

    async def _write(self) -> None:
        began = time.monotonic()
        chunk = self._assembly.take()
        self._space.set()
        commits = await asyncio.to_thread(self._writer.plan, chunk)
        written = await to_the_end(self._writer.commit, commits)
        self.commits += 1
        _log.info(
            "batches are in the lake",
            action="commit",
            batches=len(chunk.batches),
            rows=written,
            parked=self._assembly.parked_rows,
            dropped=self._assembly.dropped,
            seconds=round(time.monotonic() - began, 3),
            **self._job.facts,
        )
        await self._trim(chunk.offsets)
        if self._assembly.reread:
            raise TransientError("a hole was filled; the log is read again from the first batch that was parked")

    async def _trim(self, offsets: dict[int, int]) -> None:
        """Free what the lake has, now and then, in a log that does not do it by itself."""
        if not self._log.needs_trim or time.monotonic() - self._trimmed_at < _TRIM_EVERY_S:
            return
        self._trimmed_at = time.monotonic()
        for partition, offset in offsets.items():
            await self._log.trim(self._topic, partition, offset)


def _few_at_once(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Records in order, as many at a time as are small together; at least one."""
    few: list[Record] = []
    size = 0
    for record in records:
        size += len(record.value)
        if few and size > _AT_ONCE_BYTES:
            yield few
            few, size = [], len(record.value)
        few.append(record)
    if few:
        yield few


async def to_the_end(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run a call in a thread; cancelled meanwhile, leave only when it is done.

    Whoever cancels a round because the tenant goes may then believe that nothing writes its tables any more.
    """
    work = asyncio.ensure_future(asyncio.to_thread(call, *args, **kwargs))
    try:
        return await asyncio.shield(work)
    finally:
        if not work.done():
            await asyncio.wait([work])
