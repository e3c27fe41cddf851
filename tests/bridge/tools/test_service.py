"""The tools as the platform calls them: over calls, behind the contract, with a real device."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from bridge.calls import Calls
from bridge.driver import Scan
from bridge.drivers import drivers_for
from bridge.in_force import Contracts
from bridge.recorder import Recorder
from bridge.store import Store
from bridge.tools.devices import Devices
from bridge.tools.service import SiteTools
from bridge.vault import NoSecrets
from core.contracts.calls import CallOutcome, ToolAnswer, ToolCall
from core.contracts.reading import Sample
from tests.bridge.drivers.modbus.conftest import Bus

T0 = 1_704_067_200_000_000
PROPERTIES = """
- name: flow
- name: level
  customProperties:
    - property: forward
      value: false
    - property: windows
      value: [{every: PT1M, aggregates: [mean]}]
"""


@dataclass
class Platform:
    """Calls tools and waits."""

    calls: Calls
    contracts: Contracts

    async def call(self, tool: str, **arguments: Any) -> ToolAnswer:
        said: asyncio.Queue[str] = asyncio.Queue()
        self.calls.take(
            ToolCall(id=uuid4().hex, tool=tool, arguments=arguments, timeout_ms=30_000, asked_by="ana"), said.put
        )
        return ToolAnswer.model_validate_json(await said.get())


@pytest.fixture
async def platform(build, tmp_path: Path) -> AsyncIterator[Platform]:
    bus, port = Bus(), build.free_port()
    await bus.serve(port)
    names = ("flow", "level", "noise")
    built = build(PROPERTIES, signals=names, endpoint=f"modbus://127.0.0.1:{port}")
    signals = [{"name": name, "address": f"1/holding/{at}/uint16"} for at, name in enumerate(names, start=7)]
    equipment = [{"id": "p1", "type": "pump", "signals": signals}]
    site = built.site.model_validate(built.site.model_dump() | {"equipment": equipment})
    drivers = drivers_for(site, NoSecrets())
    with Store.open(tmp_path) as store:
        recorder = Recorder(store, site, clocked=False)
        rows = [Sample("p1", name, T0 + n * 30_000_000, float(n), None, 0) for n in range(4) for name in names]
        recorder.record([Scan(rows)])
        recorder.close()
        async with drivers[0]:
            await drivers[0].connect({}, 0.0)
            contracts = Contracts(site, built.contract)
            yield Platform(SiteTools(site, contracts, tmp_path, Devices.of(site, drivers)).calls(), contracts)
    await bus.stop()


def result(answer: ToolAnswer) -> dict[str, Any]:
    assert answer.outcome is CallOutcome.OK, answer.message
    assert answer.result is not None
    return answer.result


async def test_read_tag_asks_the_device_now(platform: Platform) -> None:
    told = result(await platform.call("read_tag", equipment="p1", signal="flow"))
    (row,) = told["rows"]
    assert (row["value"], row["good"], row["unit"]) == (7.0, True, "1")
    assert row["age_s"] < 60
    assert told["source"] == {
        "site": "loop",
        "contract": "loop 1.0.0",
        "position": 1,
        "call": "read_tag(equipment='p1', signal='flow')",
    }


@pytest.mark.parametrize("signal", ["noise", "level"])
async def test_what_the_contract_withholds_does_not_leave(platform: Platform, signal: str) -> None:
    for tool, more in (("read_tag", {}), ("historian_query", {"since": "2024-01-01T00:00:00Z"})):
        answer = await platform.call(tool, equipment="p1", signal=signal, **more)
        assert answer.outcome is CallOutcome.REFUSED
        assert answer.message.startswith(f"p1.{signal} is withheld by the contract loop 1.0.0")
        assert answer.result is None


async def test_a_snapshot_names_what_it_withholds(platform: Platform) -> None:
    told = result(await platform.call("snapshot"))
    assert [(row["signal"], row["value"]) for row in told["rows"]] == [("flow", 3.0)]
    assert (told["withheld"], told["withheld_signals"]) == (["p1.level", "p1.noise"], 2)
    nobody = await platform.call("snapshot", equipment="p9")
    assert (nobody.outcome, nobody.message) == (CallOutcome.INVALID, "no such equipment; received 'p9'")


async def test_history_as_it_is_and_in_contracted_windows(platform: Platform) -> None:
    asked = {"equipment": "p1", "since": "2024-01-01T00:00:00Z"}
    told = result(await platform.call("historian_query", signal="flow", limit=2, **asked))
    assert ([row["value"] for row in told["rows"]], told["truncated"]) == ([2.0, 3.0], True)
    windows = {"aggregate": "mean", "every": "PT1M"}
    told = result(await platform.call("historian_query", signal="level", **windows, **asked))
    over = [("2024-01-01T00:00:00+00:00", 0.5)]
    assert [(row["start"], row["value"]) for row in told["rows"]] == over, "the second window is not over yet"
    within = asked | {"since": "2024-01-01T00:00:20Z", "until": "2024-01-01T00:00:40Z"}
    told = result(await platform.call("historian_query", signal="level", **windows, **within))
    assert [(row["start"], row["value"]) for row in told["rows"]] == over, "a part of a window would tell readings"
    wider = {"aggregate": "time_weighted_mean", "every": "PT2M"}
    told = result(await platform.call("historian_query", signal="flow", **wider, **asked))
    assert [(row["start"], row["value"]) for row in told["rows"]] == [("2024-01-01T00:00:00+00:00", 1.0)]
    wider = await platform.call("historian_query", signal="level", aggregate="mean", every="PT2M", **asked)
    assert wider.outcome is CallOutcome.REFUSED


async def test_a_signal_that_a_new_contract_withholds_is_refused_at_once(platform: Platform) -> None:
    asked = {"equipment": "p1", "signal": "flow"}
    assert result(await platform.call("read_tag", **asked))["rows"]
    source = platform.contracts.current.source
    withdrawn = source.replace("- name: flow", "- name: noise").replace("version: 1.0.0", "version: 2.0.0")
    refused = platform.contracts.offered(withdrawn, hashlib.sha256(withdrawn.encode()).hexdigest())
    assert (refused, platform.contracts.next is not None) == (None, True)
    assert result(await platform.call("read_tag", **asked))["source"]["contract"] == "loop 1.0.0"

    platform.contracts.took_force(platform.contracts.next)

    for tool, more in (("read_tag", {}), ("historian_query", {"since": "2024-01-01T00:00:00Z"})):
        answer = await platform.call(tool, **asked, **more)
        assert answer.outcome is CallOutcome.REFUSED
        assert answer.message.startswith("p1.flow is withheld by the contract loop 2.0.0")
    told = result(await platform.call("snapshot"))
    assert [row["signal"] for row in told["rows"]] == ["noise"]
    assert told["withheld"] == ["p1.flow", "p1.level"]


async def test_nothing_can_be_written_from_outside(platform: Platform) -> None:
    answer = await platform.call("write_tag", equipment="p1", signal="flow", value=1)
    assert answer.outcome is CallOutcome.REFUSED
    assert answer.message.startswith("write_tag cannot be called from the platform")
    assert (await platform.call("read_tag", equipment="p1", signal="flow", value=1)).outcome is CallOutcome.INVALID
