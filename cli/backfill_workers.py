"""Several tenants built at once: processes that are told one tenant after another, and die with the one that tells.

A process of its own for each, because dbt and the environment it reads belong to a whole process.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from core.run.bound import bound_to_us
from orchestration.backfill import Backfill, Piece, Request, Result, keys_of

if TYPE_CHECKING:
    from orchestration.rebuild import Key

_GRACE_S = 60.0
"""Time for a run to end as cancelled."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be built, as it is handed to a process.

    Attributes:
        request: the days, tenants and tables.
        locks: folder of the tenants' locks.
        days_per_run: days one run builds at most.
    """

    request: Request
    locks: str
    days_per_run: int

    def to_text(self) -> str:
        """As one line."""
        return json.dumps(asdict(self), default=date.isoformat)

    @classmethod
    def of_text(cls, text: str) -> Self:
        """Back again."""
        told = json.loads(text)
        asked = told["request"]
        days = (date.fromisoformat(asked["first"]), date.fromisoformat(asked["last"]))
        return cls(Request(*days, tuple(asked["tenants"]), tuple(asked["tables"])), told["locks"], told["days_per_run"])


class Station:
    """What a process builds with: Dagster's instance, the definitions, the lake. Made by `opened`."""

    def __init__(self, backfill: Backfill, build: Callable[..., object], keys: tuple[Key, ...], found: Any) -> None:
        self.backfill = backfill
        self._build, self._keys, self._found = build, keys, found

    @classmethod
    @contextmanager
    def opened(cls, order: Order) -> Generator[Self]:
        """One for an order; the environment names the installation.

        Raises:
            InputError: a table is not one that is built.
        """
        import dagster as dg

        from orchestration.definitions import defs
        from orchestration.materialize import builder
        from orchestration.resources import installation, resources

        definitions = defs()
        keys = keys_of(definitions.resolve_asset_graph(), order.request.tables)
        with dg.DagsterInstance.get() as instance:
            # Pooled connections: as it comes, Dagster signs in to PostgreSQL anew for every event it stores.
            instance.optimize_for_webserver(statement_timeout=60_000, pool_recycle=3600, max_overflow=10)
            backfill = Backfill(instance, order.request, Path(order.locks), order.days_per_run)
            build = builder(instance, definitions, log_level="CRITICAL")
            yield cls(backfill, build, keys, resources(*installation()))

    @property
    def slugs(self) -> list[str]:
        """Every tenant."""
        return self._found["tenants"].slugs()

    def missing(self, slug: str) -> int:
        """Days that a tenant still needs."""
        return sum(piece.count for piece in self.backfill.missing(slug, self._found["lake"].tenant(slug)))

    def work(self, slug: str, tell: Callable[[Piece], None]) -> Result:
        """See `Backfill.work`."""
        return self.backfill.work(slug, self._found["lake"].tenant(slug), self._build, self._keys, tell)


def spread(order: Order, slugs: Sequence[str], parallel: int, tell: Callable[[Piece], None]) -> Result:
    """Build tenants in several processes at once; to be called on the main thread."""
    return asyncio.run(_spread(order, deque(slugs), min(parallel, len(slugs)), tell))


async def _spread(order: Order, slugs: deque[str], parallel: int, tell: Callable[[Piece], None]) -> Result:
    result = Result()
    async with asyncio.TaskGroup() as group:
        for _ in range(parallel):
            group.create_task(_one(order, slugs, tell, result))
    result.failed |= dict.fromkeys(slugs, "no process was left to build it; see above")
    return result


async def _one(order: Order, slugs: deque[str], tell: Callable[[Piece], None], result: Result) -> None:
    """One process and what it is told, until no tenant is left, or it ends by itself."""
    words = [sys.executable, "-P", "-m", "cli.backfill_workers", order.to_text()]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*bound_to_us(words), stdin=pipe, stdout=pipe)
    try:
        while slugs:
            slug = slugs.popleft()
            done = await _told(process, slug, tell)
            if done is None:
                result.failed[slug] = "the process that built it ended; see above"
                return
            result.add(done)
    except asyncio.CancelledError:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        raise
    finally:
        await _end(process)


async def _told(process: asyncio.subprocess.Process, slug: str, tell: Callable[[Piece], None]) -> Result | None:
    """Have a process build one tenant; None if it does not come to its end."""
    if process.stdin is None or process.stdout is None:
        return None
    with suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(f"{slug}\n".encode())
        await process.stdin.drain()
    async for line in process.stdout:
        said = json.loads(line)
        if "days" not in said:
            return Result(said["before"], said["built"], said["failed"], tuple(said["elsewhere"]))
        tell(Piece(slug, (date.fromisoformat(said["days"][0]), date.fromisoformat(said["days"][1]))))
    return None


async def _end(process: asyncio.subprocess.Process) -> None:
    """No more tenants; a process that was interrupted gets the time to end its run as cancelled."""
    if process.stdin is not None:
        process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), _GRACE_S)
    except TimeoutError:
        process.kill()
        await process.wait()


def main(text: str) -> None:
    """Build the tenants that standard input names, a line each, and say on standard output what became of them."""
    import warnings

    warnings.simplefilter("ignore")
    # Whatever a library prints belongs to a person; standard output is a protocol here.
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def say(words: dict[str, Any]) -> None:
        print(json.dumps(words, default=date.isoformat), file=out)

    with suppress(KeyboardInterrupt), Station.opened(Order.of_text(text)) as station:
        for line in sys.stdin:
            say(asdict(station.work(line.strip(), lambda piece: say({"days": piece.days}))))


if __name__ == "__main__":
    main(sys.argv[1])
