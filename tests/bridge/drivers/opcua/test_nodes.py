"""Which nodes are watched and how: paths, namespaces, kinds of values, deadbands, nodes that come later."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from enum import IntEnum

import pytest
from asyncua import ua
from asyncua.server.internal_session import InternalSession

from bridge.driver import DeviceLostError, DeviceRefusedError
from bridge.drivers.opcua.driver import OpcuaDriver
from bridge.drivers.opcua.plan import plan_site
from bridge.drivers.opcua.profiles import STANDARD
from bridge.vault import NoSecrets
from core.contracts.quality import BAD_INDEX_RANGE_NO_DATA, BAD_NO_DATA, BAD_NOT_SUPPORTED, GOOD, UNCERTAIN, is_bad
from core.contracts.reading import Sample


class Mode(IntEnum):
    MANUAL = 2


def latest(samples: list[Sample]) -> dict[str, tuple[float | str | None, int]]:
    return {one.signal: (one.text if one.value is None else one.value, one.quality) for one in samples}


async def test_paths_and_namespaces_lead_to_nodes_and_what_leads_nowhere_is_named(
    plant, make_site, until, capsys
) -> None:
    await plant.start(**{"flow": 1.5, "a/b": 2.5, "level": 3.5})
    signals = {
        "by_path": {"address": "/2:Plant/2:flow"},
        "escaped": {"address": "/2:Plant/2:a&/b"},
        "by_uri": {"address": "nsu=urn:plant;s=level"},
        "no_path": {"address": "/2:Plant/2:none"},
        "no_uri": {"address": "nsu=urn:other;s=level"},
        "no_node": {"address": "ns=2;s=none"},
    }
    form = make_site(plant.endpoint, signals, opcua={"max_paths_per_call": 1, "max_items_per_call": 2})
    again = replace(plan_site(form, NoSecrets()).profile, refused_again_s=0.2)
    async with OpcuaDriver(replace(plan_site(form, NoSecrets()), profile=again)) as driver:
        await driver.connect({}, 0)
        found = latest(await until(driver, lambda samples: len(latest(samples)) == 6))
        assert [found[name] for name in ("by_path", "escaped", "by_uri")] == [(1.5, GOOD), (2.5, GOOD), (3.5, GOOD)]
        assert [found[name][0] for name in ("no_path", "no_uri", "no_node")] == [None] * 3
        assert all(is_bad(found[name][1]) for name in ("no_path", "no_uri", "no_node"))
        said = "".join(capsys.readouterr())
        assert [f"p1.{name} ({signals[name]['address']})" in said for name in signals] == [False] * 3 + [True] * 3
        assert "no namespace urn:other" in said
        await plant.add("none", 4.5)
        found = latest(await until(driver, lambda samples: {"no_path", "no_node"} <= set(latest(samples))))
        assert (found["no_path"], found["no_node"]) == ((4.5, GOOD), (4.5, GOOD))
        assert "does not know" not in "".join(capsys.readouterr())


async def test_every_kind_of_value_is_mapped_or_refused_by_name(plant, make_site, until, capsys) -> None:
    await plant.start(
        number=ua.Variant(7, ua.VariantType.Int64),
        switch=True,
        mode=ua.Variant(Mode.MANUAL, ua.VariantType.Int32),
        words="läuft",
        array=ua.Variant([1.5, 2.5, 3.5], ua.VariantType.Double),
        range=ua.Variant(ua.Range(1.0, 2.0), ua.VariantType.ExtensionObject),
        doubtful=1.0,
        empty=ua.Variant(None, ua.VariantType.Null),
    )
    await plant.put("doubtful", 1, 9.5, UNCERTAIN)
    signals = {name: {} for name in ("number", "switch", "mode", "words", "array", "range", "doubtful", "empty")}
    signals |= {"second": {"address": "ns=2;s=array", "element": 1, "scale": 10.0, "offset": 1.0}}
    signals |= {"ninth": {"address": "ns=2;s=array", "element": 8}}
    async with OpcuaDriver.of_site(make_site(plant.endpoint, signals)) as driver:
        await driver.connect({}, 0)
        found = latest(await until(driver, lambda samples: len(latest(samples)) == len(signals)))
    assert found == {
        "number": (7.0, GOOD),
        "switch": (1.0, GOOD),
        "mode": (2.0, GOOD),
        "words": ("läuft", GOOD),
        "array": ("[1.5,2.5,3.5]", GOOD),
        "range": (None, BAD_NOT_SUPPORTED),
        "doubtful": (9.5, UNCERTAIN),
        "empty": (None, BAD_NO_DATA),
        "second": (26.0, GOOD),
        "ninth": (None, BAD_INDEX_RANGE_NO_DATA),
    }
    said = [line for line in "".join(capsys.readouterr()).splitlines() if "cannot be read as a signal" in line]
    assert len(said) == 2
    named = {"range": "a structure, Range", "ninth": "no element 8 in an array of 3"}
    for signal, why in named.items():
        assert any(re.search(f'signal"?[=:] ?"?{signal}', line) and why in line for line in said)


async def test_a_deadband_is_the_servers_only_where_the_site_file_asks_for_it(plant, make_site, until) -> None:
    await plant.start(flow=0.0, level=0.0, last=0.0)
    signals = {"flow": {"deadband": {"absolute": 0.5}}, "level": {}, "last": {}}
    async with OpcuaDriver.of_site(make_site(plant.endpoint, signals)) as driver:
        await driver.connect({}, 0)
        await until(driver, lambda samples: len(latest(samples)) == 3)
        for second, value in enumerate((1.0, 1.2, 1.3, 2.0, 2.0), start=1):
            await plant.put("flow", second, value)
            await plant.put("level", second, value)
        await plant.put("last", 1, 1.0)
        samples = await until(driver, lambda found: any(one.signal == "last" and one.value == 1.0 for one in found))
    assert [one.value for one in samples if one.signal == "flow"] == [1.0, 2.0]
    assert [one.value for one in samples if one.signal == "level"] == [1.0, 1.2, 1.3, 2.0, 2.0]


async def test_a_server_without_filters_is_asked_for_none_and_its_limits_are_kept(plant, make_site, until) -> None:
    await plant.start(**{f"s{n}": float(n) for n in range(5)})
    limits = {"MaxMonitoredItemsPerCall": 2, "MaxNodesPerRead": 3}
    for name, limit in limits.items():
        number = getattr(ua.ObjectIds, f"Server_ServerCapabilities_OperationLimits_{name}")
        await plant.server.write_attribute_value(
            ua.NodeId(number), ua.DataValue(ua.Variant(limit, ua.VariantType.UInt32))
        )
    calls: list[int] = []
    seen: list[object] = []
    session_of = plant.server.iserver.subscription_service
    original = session_of.create_monitored_items

    async def counted(params, *more):
        calls.append(len(params.ItemsToCreate))
        seen.extend(one.RequestedParameters.Filter for one in params.ItemsToCreate)
        return await original(params, *more)

    session_of.create_monitored_items = counted
    form = make_site(plant.endpoint, {f"s{n}": {} for n in range(5)}, opcua={"profile": "micro-embedded"})
    async with OpcuaDriver.of_site(form) as driver:
        await driver.connect({}, 0)
        found = latest(await until(driver, lambda samples: len(latest(samples)) == 5))
    assert {value for value, _ in found.values()} == {0.0, 1.0, 2.0, 3.0, 4.0}
    assert calls == [2, 2, 1]
    assert not any(isinstance(one, ua.DataChangeFilter) for one in seen)
    assert STANDARD.filters


async def test_a_server_that_browses_slowly_and_answers_nothing_meanwhile_is_waited_for(
    plant, make_site, until, monkeypatch
) -> None:
    await plant.start(flow=1.5)
    translate = InternalSession.translate_browsepaths_to_nodeids

    async def slowly(self: InternalSession, paths: list[ua.BrowsePath]) -> list[ua.BrowsePathResult]:
        await asyncio.sleep(4.0)  # one request of a connection after the other: its probes wait as well
        return await translate(self, paths)

    monkeypatch.setattr(InternalSession, "translate_browsepaths_to_nodeids", slowly)
    form = make_site(plant.endpoint, {"flow": {"address": "/2:Plant/2:flow"}})
    impatient = replace(STANDARD, request_timeout_s=2.0, probe_interval_s=0.2)
    for patience, found in ((20.0, {1.5}), (0.5, None)):
        profile = replace(impatient, browse_timeout_s=patience)
        async with OpcuaDriver(replace(plan_site(form, NoSecrets()), profile=profile)) as driver:
            if found is None:
                with pytest.raises(DeviceLostError):
                    await driver.connect({}, 0)
            else:
                await driver.connect({}, 0)
                assert {one.value for one in await until(driver, bool)} == found


async def test_what_cannot_be_written_is_said(plant, make_site) -> None:
    await plant.start(flow=ua.Variant([1.0, 2.0], ua.VariantType.Double))
    signals = {"flow": {"element": 1}, "none": {}}
    form = make_site(plant.endpoint, signals)
    async with OpcuaDriver.of_site(form, [("p1", name) for name in signals]) as driver:
        await driver.connect({}, 0)
        for name in signals:
            with pytest.raises(DeviceRefusedError, match="cannot be written"):
                await driver.write("p1", name, 1.0)
