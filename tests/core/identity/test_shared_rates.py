"""Buckets that all processes share: two registries on one database stand for two processes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from core.db import Database
from core.errors import DeniedError, TransientError
from core.identity.attempts import network_of
from core.identity.shared_rates import Bucket, SharedRates
from core.tenancy import Tenancy

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.integration


@pytest.fixture
async def other(prepared: Installation) -> AsyncIterator[Tenancy]:
    async with await Tenancy.open(prepared.run, prepared.postgres, prepared.settings) as opened:
        yield opened


def _bucket(per_minute: int) -> Bucket:
    return Bucket.of("test", uuid4().hex, per_minute=per_minute)


def _came_back(bucket: Bucket, began: float) -> float:
    """What flowed back into a bucket meanwhile: nothing, unless the machine is busy with other things."""
    return (time.monotonic() - began) * bucket.per_minute / 60


async def test_many_processes_that_ask_at_once_get_no_more_than_the_bucket_holds(tenancy: Tenancy, other: Tenancy):
    rates, bucket = [SharedRates(tenancy.platform), SharedRates(other.platform)], _bucket(7)

    began = time.monotonic()
    told = await asyncio.gather(*(rates[n % 2].take([bucket]) for n in range(30)))

    assert 7 <= sum(one.granted for one in told) <= 7 + _came_back(bucket, began)
    assert {one.granted for one in told} == {0, 1}
    assert all(0 < one.wait_s <= 60 / 7 + 0.01 for one in told if not one.granted)


async def test_of_several_buckets_the_poorest_decides_and_then_nothing_is_taken(tenancy: Tenancy):
    rates, rich, poor = SharedRates(tenancy.platform), _bucket(10), _bucket(2)

    began = time.monotonic()
    told = [(await SharedRates(tenancy.platform).take([rich, poor])).granted for _ in range(6)]

    assert told == [1, 1, 0, 0, 0, 0]
    assert 8 <= (await rates.take([rich], 10)).granted <= 8 + _came_back(rich, began)


async def test_some_of_what_is_wanted_is_better_than_nothing_and_what_did_not_count_comes_back(tenancy: Tenancy):
    rates, bucket = SharedRates(tenancy.platform), _bucket(5)

    assert (await rates.take([bucket], 3)).granted == 3
    assert (await rates.take([bucket], 3)).granted == 2
    await rates.give_back([bucket])
    assert (await rates.take([bucket], 3)).granted == 1
    assert (await rates.take([bucket], 3)).granted == 0


async def test_an_empty_bucket_is_remembered_without_asking_and_forgotten_in_time(tenancy: Tenancy):
    now, bucket = [100.0], _bucket(5)
    rates = SharedRates(tenancy.platform, lambda: now[0])
    await rates.take([bucket], 5)
    empty = await rates.take([bucket])
    await SharedRates(tenancy.platform).give_back([bucket])

    still = await rates.take([_bucket(1), bucket])
    now[0] += empty.wait_s + 0.001

    assert (empty.granted, still.granted) == (0, 0)
    assert still.wait_s == pytest.approx(empty.wait_s)
    assert (await rates.take([bucket])).granted == 1


async def test_full_buckets_are_swept_and_others_stay(tenancy: Tenancy, prepared: Installation):
    now, fast, slow = [100.0], _bucket(1_000_000), _bucket(1)
    rates = SharedRates(tenancy.platform, lambda: now[0])
    await rates.take([fast])
    await rates.take([slow])

    now[0] += 61
    await tenancy.platform.fetchval("select pg_sleep(0.001)")  # ten times what the fast one takes
    await rates.take([_bucket(1)])

    async with await Database.open(prepared.postgres.dsn("platform")) as superuser:
        kept = {row["bucket"] for row in await superuser.fetch("select bucket from request_rates")}
    assert (fast.digest in kept, slow.digest in kept) == (False, True)


@pytest.mark.parametrize("sql", ["select * from request_rates", "delete from request_rates"])
async def test_what_the_product_works_as_reads_and_changes_no_bucket(tenancy: Tenancy, sql: str):
    with pytest.raises((DeniedError, TransientError), match="denied"):
        await tenancy.platform.execute(sql)


@pytest.mark.parametrize(
    ("address", "stands_for"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_an_address_is_its_network_where_the_rest_is_free_to_choose(address: str, stands_for: str):
    assert network_of(address) == stands_for


def test_words_that_are_cut_otherwise_are_another_s_bucket():
    assert Bucket.of("ab", "c", per_minute=1) != Bucket.of("a", "bc", per_minute=1)
    assert Bucket.of("\ud800", per_minute=1).digest != Bucket.of("", per_minute=1).digest
