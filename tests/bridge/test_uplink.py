"""The link: everything once, in order, until it is acknowledged, over any number of broken links."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pyarrow as pa
import pytest
from pydantic import SecretStr

from bridge.catchup import Largest
from bridge.config import BridgeConfig
from bridge.health import Monitor
from bridge.in_force import Contracts
from bridge.outbox import Outbox, OutboxWriter, Sender
from bridge.store import Store, transaction
from bridge.uplink import Link, Uplink
from core.contracts.frames import ContractUpdate
from core.contracts.lanes import LaneKind
from core.contracts.reading import Sample, readings_to_arrow
from core.settings import BridgeSettings


class Sending:
    """An outbox with an uplink on it."""

    def __init__(self, store: Store, built, url: str, key: SecretStr) -> None:
        # The uplink's own is used from its threads; a transaction of ours on it would run into theirs.
        self.connection, self.beside = store.connect(), store.connect()
        self.link, self.stored = Link(), asyncio.Event()
        settings = BridgeSettings(reconnect_max_s=0.3, heartbeat_interval_s=0.2)
        self.config = BridgeConfig(built.site, built.contract, store.home, url, key, "loop-bridge", settings)
        self.writer = OutboxWriter(Sender("loop-bridge", "inc", "loop", built.contract), 10)
        self.contracts = Contracts(built.site, built.contract)
        self.monitor = Monitor(self.config, store, [], self.contracts)
        self.uplink = self.linked()

    def linked(self, largest: Largest | None = None) -> Uplink:
        """An uplink on the outbox, whose neighbours leave together if it is said how many."""
        self.outbox = Outbox(self.connection) if largest is None else Outbox(self.connection, largest)
        return Uplink(self.config, "inc", self.outbox, self.link, self.stored, self.monitor.look, self.contracts)

    def put(self, count: int, *, live: bool, rows: int = 10) -> None:
        samples = [Sample("p1", "flow", n, 1.0, None, 0) for n in range(rows)]
        batch: pa.RecordBatch = readings_to_arrow("loop", samples)
        with transaction(self.beside) as connection:
            for _ in range(count):
                self.writer.put(connection, LaneKind.READINGS, batch, None, live=live)
        self.stored.set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        stop = asyncio.Event()
        task = asyncio.create_task(self.uplink.run(stop))
        try:
            yield
        finally:
            stop.set()
            await task


@pytest.fixture
def sending(tmp_path: Path, build, gateway):
    with Store.open(tmp_path) as store:
        one = Sending(store, build("- name: flow"), gateway.url, build.key)
        yield one
        one.monitor.close()
        one.connection.close()
        one.beside.close()


async def test_lanes_arrive_in_order_and_the_outbox_empties(sending: Sending, gateway, build) -> None:
    sending.put(30, live=False)
    sending.put(5, live=True)
    async with sending.running():
        await build.until(lambda: sending.outbox.backlog().batches == 0)
        sending.put(3, live=True)
        await build.until(lambda: sending.outbox.backlog().batches == 0)
        await build.until(lambda: len(gateway.heartbeats) >= 2)
        await build.until(lambda: gateway.heartbeats[-1].health.outbox_batches == 0)
        assert sending.link.connected
    assert [seq for lane, seq in gateway.arrived if lane == "readings-live"] == list(range(1, 9))
    assert [seq for lane, seq in gateway.arrived if lane == "readings-backlog"] == list(range(1, 31))
    assert gateway.arrived[0] == ("readings-live", 1)
    assert gateway.hellos[0].incarnation == "inc"
    assert [(one.endpoint, one.signals) for one in gateway.hellos[0].devices] == [("", 2)]


async def test_no_more_than_the_credit_is_in_flight(sending: Sending, gateway, build) -> None:
    gateway.acknowledges = False
    sending.put(30, live=True)
    async with sending.running():
        await build.until(lambda: len(gateway.arrived) >= gateway.credit)
        await asyncio.sleep(0.3)
        assert len(gateway.arrived) == gateway.credit
    assert sending.outbox.backlog().batches == 30


async def test_a_backlog_in_flight_is_bounded_by_its_rows_and_goes_on_when_answered(
    sending: Sending, gateway, build
) -> None:
    gateway.acknowledges = False
    sending.uplink = sending.linked(Largest(60_000, 1 << 20))
    sending.writer = OutboxWriter(Sender("loop-bridge", "inc", "loop", sending.config.contract), 60_000)
    sending.put(8, live=False, rows=60_000)
    async with sending.running():
        await build.until(lambda: len(gateway.arrived) >= 4)
        await asyncio.sleep(0.5)
        assert len(gateway.arrived) == 4
        sending.put(1, live=True)
        await build.until(lambda: gateway.arrived[-1] == ("readings-live", 1))
    gateway.acknowledges = True
    async with sending.running():
        await build.until(lambda: sending.outbox.backlog().batches == 0)
    assert {seq for lane, seq in gateway.arrived if lane == "readings-backlog"} == set(range(1, 9))


async def test_what_was_not_acknowledged_is_sent_again(sending: Sending, gateway, build) -> None:
    gateway.acknowledges = False
    sending.put(12, live=True)
    async with sending.running():
        await build.until(lambda: len(gateway.arrived) >= gateway.credit)
        await gateway.stop()
        await build.until(lambda: not sending.link.connected)
        gateway.acknowledges = True
        await gateway.start()
        await build.until(lambda: sending.outbox.backlog().batches == 0)
    assert [seq for _, seq in gateway.arrived] == [*range(1, gateway.credit + 1), *range(1, 13)]
    assert gateway.resent_differently == []


async def test_a_refused_batch_does_not_stop_its_lane(sending: Sending, gateway, build) -> None:
    gateway.refuse_batches = {("readings-live", 2)}
    sending.put(4, live=True)
    async with sending.running():
        await build.until(lambda: sending.outbox.backlog().batches == 0)
    assert [seq for _, seq in gateway.arrived] == [1, 2, 3, 4]


async def test_an_unknown_contract_is_waited_out_and_told_once(
    sending: Sending, gateway, build, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.refuse = "contract loop is not registered: run `platform tenants register`"
    sending.put(1, live=True)
    async with sending.running():
        await build.until(lambda: len(gateway.hellos) >= 3)
        gateway.refuse = ""
        await build.until(lambda: sending.outbox.backlog().batches == 0)
    said = capsys.readouterr()
    assert (said.out + said.err).count("platform tenants register") == 1


async def test_every_break_of_the_link_is_one_line(
    sending: Sending, gateway, build, capsys: pytest.CaptureFixture[str]
) -> None:
    async with sending.running():
        for _ in range(2):
            await build.until(lambda: sending.link.connected)
            await gateway.stop()
            await build.until(lambda: not sending.link.connected)
            await asyncio.sleep(0.5)  # tries in vain
            await gateway.start()
        await build.until(lambda: sending.link.connected)
    said = "".join(capsys.readouterr())
    assert said.count("link to the gateway is down") == 2
    assert said.count('"again": true') == 2


async def test_a_wrong_key_is_told_and_nothing_is_lost(sending: Sending, gateway, build) -> None:
    sending.put(1, live=True)
    sending.uplink = Uplink(
        BridgeConfig(
            sending.config.site,
            sending.config.contract,
            sending.config.home,
            gateway.url,
            SecretStr("wrong"),
            "loop-bridge",
            sending.config.settings,
        ),
        "inc",
        sending.outbox,
        sending.link,
        sending.stored,
        sending.monitor.look,
        sending.contracts,
    )
    async with sending.running():
        await build.until(lambda: gateway.turned_away >= 2)
    assert gateway.hellos == []
    assert sending.outbox.backlog().batches == 1


def test_a_backlog_takes_no_more_than_its_share(sending: Sending) -> None:
    sending.put(30, live=False)
    sending.put(3, live=True)
    found = sending.outbox.waiting({}, 10, 4)
    assert [batch.lane for batch in found] == ["readings-live"] * 3 + ["readings-backlog"] * 4
    assert [batch.seq for batch in found[3:]] == [1, 2, 3, 4]
    assert [batch.lane for batch in sending.outbox.waiting({}, 10, 0)] == ["readings-live"] * 3
    assert len(sending.outbox.waiting({}, 10)) == 10


async def test_a_new_contract_is_announced_before_anything_leaves_under_it(sending: Sending, gateway, build) -> None:
    newer = build("- name: flow\n- name: level").contract
    sending.put(3, live=True)
    async with sending.running():
        await build.until(lambda: sending.outbox.backlog().batches == 0)
        sending.contracts.took_force(newer)
        sending.writer = sending.writer.under(newer)
        sending.put(3, live=True)
        await build.until(lambda: sending.outbox.backlog().batches == 0)
    assert [hello.contract_sha256 for hello in gateway.hellos] == [sending.config.contract.sha256, newer.sha256]
    under = [header.contract_sha256 for header, _ in gateway.batches.values()]
    assert under == [sending.config.contract.sha256] * 3 + [newer.sha256] * 3
    assert [seq for _, seq in gateway.arrived] == [1, 2, 3, 4, 5, 6]


async def test_a_contract_of_the_platform_is_answered_and_proposed(sending: Sending, gateway, build) -> None:
    newer = build("- name: flow\n- name: level").contract
    gateway.push = [
        ContractUpdate(source="nonsense", sha256=newer.sha256),
        ContractUpdate(source=newer.source, sha256=newer.sha256),
    ]
    async with sending.running():
        await build.until(lambda: len(gateway.answers) == 2)
    assert [one.accepted for one in gateway.answers] == [False, True]
    assert "announced" in gateway.answers[0].reason
    assert sending.contracts.next == newer


async def test_a_protocol_this_bridge_does_not_speak_is_refused_by_both_numbers(
    sending: Sending, gateway, build, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.protocol = 7
    sending.put(1, live=True)
    async with sending.running():
        await build.until(lambda: len(gateway.hellos) >= 2)
    assert gateway.hellos[0].spoken == (1, 2)
    assert "expected 1, 2; received 7; next: update the bridge" in "".join(capsys.readouterr())
    assert sending.outbox.backlog().batches == 1
