"""How often somebody may ask, counted together by all processes of a service: token buckets in the platform database.

A bucket holds a minute's requests and fills up evenly. One statement takes from several at once, and a bucket that is
found empty is remembered here until it can have something again: a flood costs the database no more than that.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.db import Database
from core.db.queries import load_queries

_SQL = load_queries("core.identity", "rates.sql")
_DIGEST_BYTES = 16
_MOST = 10_000
_SWEEP_S = 60.0


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is taken from.

    Attributes:
        digest: of whose it is; nothing of that is stored.
        per_minute: its size, and how much flows back in a minute.
    """

    digest: bytes
    per_minute: int

    @classmethod
    def of(cls, *whose: str, per_minute: int) -> Bucket:
        """The bucket of what these words name together."""
        words = [word.encode(errors="surrogatepass") for word in whose]
        told = b"".join(len(word).to_bytes(4) + word for word in words)
        return cls(hashlib.blake2b(told, digest_size=_DIGEST_BYTES).digest(), per_minute)


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of asking.

    Attributes:
        granted: how many requests may be made; 0 if a bucket is empty.
        wait_s: seconds until one may; 0 if some were granted.
    """

    granted: int
    wait_s: float


class SharedRates:
    """Over the platform database."""

    def __init__(self, platform: Database, clock: Callable[[], float] = time.monotonic) -> None:
        """Nothing is asked of the database yet.

        Args:
            platform: the platform database, as the product works in it.
            clock: seconds, never going back; of this process's memory only, the buckets go by the database's.
        """
        self._platform = platform
        self._clock = clock
        self._empty_until: dict[bytes, float] = {}
        self._swept = clock()

    async def take(self, buckets: Sequence[Bucket], wanted: int = 1) -> Taken:
        """Up to so many requests more, from all of these buckets or from none of them."""
        wait_s = self.known_wait(buckets)
        if wait_s:
            return Taken(0, wait_s)
        await self._sweep()
        row = await self._platform.fetchrow(_SQL["take"], *_columns(buckets), wanted)
        if row is None:
            raise TypeError("the function gives one row")
        if not row["granted"]:
            self._remember(row["emptiest"], row["wait_s"])
        return Taken(row["granted"], row["wait_s"])

    async def give_back(self, buckets: Sequence[Bucket]) -> None:
        """One request did not count after all."""
        await self._platform.execute(_SQL["give_back"], *_columns(buckets))

    def known_wait(self, buckets: Sequence[Bucket]) -> float:
        """Seconds until these may have something again, as far as this process has heard; 0 if it has heard nothing."""
        now = self._clock()
        return max(0.0, *(self._empty_until.get(one.digest, now) - now for one in buckets))

    def _remember(self, digest: bytes, wait_s: float) -> None:
        if len(self._empty_until) >= _MOST:
            self._empty_until.clear()
        self._empty_until[digest] = self._clock() + wait_s

    async def _sweep(self) -> None:
        now = self._clock()
        if now - self._swept < _SWEEP_S:
            return
        self._swept = now
        self._empty_until = {digest: until for digest, until in self._empty_until.items() if until > now}
        await self._platform.execute(_SQL["sweep"])


def _columns(buckets: Sequence[Bucket]) -> tuple[list[bytes], list[int]]:
    return [one.digest for one in buckets], [one.per_minute for one in buckets]
