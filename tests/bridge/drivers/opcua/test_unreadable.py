"""An item that the server sends as nonsense: it is named and left out, and what stands beside it goes on."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary

from bridge.driver import DeviceLostError
from bridge.drivers.opcua.changes import UnreadableItemError
from bridge.drivers.opcua.decode import Decoder
from bridge.drivers.opcua.driver import OpcuaDriver
from bridge.drivers.opcua.left_out import LeftOut
from bridge.drivers.opcua.receive import Receiver
from core.contracts.quality import BAD_DECODING_ERROR, GOOD
from core.contracts.reading import Sample

T0 = 1_704_067_200_000_000
EARLY = "abc" + "defg" + "i\x0c" + 4 * "\x7f"
"""Three characters, a handle, a mask with a value, the type of a text, and its length."""


class _Wrong(bytes):
    """Bytes that say another length than they have."""

    said = 0

    def __len__(self) -> int:
        return self.said


class Nonsense(str):
    """A text that the server's own library writes with a wrong length before it."""

    said = 10_000

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        wrong = _Wrong(super().encode(encoding, errors))
        wrong.said = self.said
        return wrong


def nonsense(said: int = 10_000, content: str = "abc") -> ua.Variant:
    text = Nonsense(content)
    text.said = said
    return ua.Variant(text, ua.VariantType.String)


def latest(samples: list[Sample]) -> dict[str, tuple[Any, int]]:
    return {one.signal: (one.value if one.text is None else one.text, one.quality) for one in samples}


def left_out(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in "".join(capsys.readouterr()).splitlines() if "cannot be decoded, it is left out" in line]


async def test_the_good_ones_go_on_beside_it(plant, make_site, until, capsys) -> None:
    await plant.start(flow=1.0, words="fine", level=2.0)
    signals: dict[str, dict[str, Any]] = {"flow": {}, "words": {}, "level": {}}
    async with OpcuaDriver.of_site(make_site(plant.endpoint, signals)) as driver:
        await driver.connect({}, 0)
        first = latest(await until(driver, lambda found: len(latest(found)) == 3))
        assert first == {"flow": (1.0, GOOD), "words": ("fine", GOOD), "level": (2.0, GOOD)}
        await plant.put("words", 1, nonsense())
        told = latest(await until(driver, lambda found: "words" in latest(found)))
        assert told["words"] == (None, BAD_DECODING_ERROR)
        with pytest.raises(DeviceLostError, match="cannot be read"):
            await until(driver, lambda _: False)
        await driver.connect({}, 0)
        again = latest(await until(driver, lambda found: len(latest(found)) == 2))
        assert again == {"flow": (1.0, GOOD), "level": (2.0, GOOD)}
        await plant.put("level", 2, 3.0)
        assert (await driver.read()).left_out == (("p1", "words"),)
        await plant.put("words", 2, nonsense())
        await plant.put("flow", 2, 7.0)
        after = latest(await until(driver, lambda found: latest(found).get("flow") == (7.0, GOOD)))
        assert "words" not in after
    (line,) = left_out(capsys)
    assert "ns=2;s=words" in line


async def test_one_that_is_so_from_the_beginning_costs_one_connection(plant, make_site, until, capsys) -> None:
    await plant.start(flow=1.0, words=nonsense(), level=2.0)
    signals: dict[str, dict[str, Any]] = {"words": {}, "flow": {}, "level": {}}
    async with OpcuaDriver.of_site(make_site(plant.endpoint, signals)) as driver:
        await driver.connect({}, 0)
        with pytest.raises(DeviceLostError, match="cannot be read"):
            await until(driver, lambda _: False)
        await driver.connect({}, 0)
        found = latest(await until(driver, lambda found: len(latest(found)) == 2))
        assert found == {"flow": (1.0, GOOD), "level": (2.0, GOOD)}
    assert len(left_out(capsys)) == 1


def item(handle: int, value: ua.Variant) -> bytes:
    return struct_to_binary(ua.MonitoredItemNotification(handle, ua.DataValue(value)))


def body(*items: bytes) -> bytes:
    return struct.pack("<i", len(items)) + b"".join(items) + struct.pack("<i", -1)


@pytest.mark.parametrize(
    ("items", "blamed"),
    [
        ([item(1, ua.Variant(1.0)), item(2, nonsense()), item(3, ua.Variant(1.0))], "b"),
        ([item(1, nonsense()), item(2, ua.Variant("fine"))], "a"),
        # It ends too early: what stands there, a text with no end, is of a handle that nobody has.
        ([item(1, ua.Variant(1.0)), item(2, nonsense(3, EARLY)), item(3, ua.Variant(1.0))], "b"),
        ([item(1, ua.Variant("fine")), item(3, nonsense(3, EARLY)), item(2, ua.Variant(1.0))], "c"),
        ([item(9, nonsense())], None),
    ],
)
def test_whose_it_is(items: list[bytes], blamed: str | None) -> None:
    receiver = Receiver([("p1", name) for name in "abc"], Decoder({}))
    with pytest.raises(UnreadableItemError) as raised:
        receiver.receive(body(*items))
    assert receiver.blamed(raised.value) == (None if blamed is None else ("p1", blamed))


def test_it_is_asked_for_again_less_and_less_often_and_too_many_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("bridge.drivers.opcua.left_out.time.monotonic", lambda: now[0])
    out, one = LeftOut(), ("p1", "words")
    for pause in (600, 1200, 2400):
        assert out.add(one)
        assert (out.due(), out.without([one, ("p1", "flow")])) == ([], [("p1", "flow")])
        now[0] += pause
        assert (out.due(), bool(out), out.without([one])) == ([one], False, [one])
    assert [out.add(("p1", str(n))) for n in range(40)] == [True] * 32 + [False] * 8


async def test_a_history_that_cannot_be_decoded_is_a_gap_of_its_own_machine_and_costs_no_connection(
    plant, make_site, until, capsys
) -> None:
    await plant.start(flow=0.0, words="fine", level=0.0)
    for name in ("flow", "words", "level"):
        await plant.keep_history(name)
    for second in (10, 11):
        await plant.put("flow", second, float(second))
        await plant.put("level", second, float(second))
        await plant.put("words", second, nonsense() if second == 10 else "fine again")
    for name in ("flow", "words", "level"):
        await plant.remembers(name, 11)
    signals: dict[str, dict[str, Any]] = {"words": {}, "flow": {}, "level": {}}
    newest = {("p1", name): T0 + 5_000_000 for name in signals}
    async with OpcuaDriver.of_site(make_site(plant.endpoint, signals)) as driver:
        await driver.connect(newest, 0)
        await plant.put("flow", 12, 12.0)
        await plant.put("words", 12, "live")
        found = await until(driver, lambda found: {"live", 12.0} <= {one.text or one.value for one in found})
        of = {name: {one.text or one.value for one in found if one.signal == name} for name in signals}
        assert of["flow"] >= {10.0, 11.0, 12.0}
        assert of["level"] >= {10.0, 11.0}
        assert of["words"] == {"fine again", "live"}
    said = [line for line in "".join(capsys.readouterr()).splitlines() if "history cannot be decoded" in line]
    assert len(said) == 1
    assert "p1.words" in said[0]
    assert "p1.flow" not in said[0]
