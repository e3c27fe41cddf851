"""Notifications read many items at a time, against the library's own reading of the same bytes."""

from __future__ import annotations

import random
import struct
from datetime import UTC, datetime
from uuid import UUID

import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary

from bridge.drivers.opcua.changes import read_changes
from bridge.drivers.opcua.decode import Decoder, Rule, to_us
from bridge.drivers.opcua.receive import Receiver
from bridge.drivers.opcua.session import RawChanges, read_response
from bridge.scaling import Scaling
from core.contracts.reading import Sample

Kind = ua.VariantType
SERIES = [("p1", f"s{n}") for n in range(40)]
NUMBERS = {
    Kind.Boolean: [True, False],
    Kind.SByte: [-128, 127, 0],
    Kind.Byte: [0, 255],
    Kind.Int16: [-(2**15), 2**15 - 1],
    Kind.UInt16: [0, 2**16 - 1],
    Kind.Int32: [-(2**31), 2**31 - 1],
    Kind.UInt32: [0, 2**32 - 1],
    Kind.Int64: [-(2**63), 2**63 - 1, 2**53 + 1],
    Kind.UInt64: [0, 2**64 - 1],
    Kind.Float: [1.5, float("inf"), -0.0, float("nan")],
    Kind.Double: [0.1, -1e308, float("-inf"), float("nan")],
}
OTHERS = [
    ua.Variant("running", Kind.String),
    ua.Variant(None, Kind.String),
    ua.Variant(b"ab", Kind.ByteString),
    ua.Variant(datetime(2024, 2, 29, tzinfo=UTC), Kind.DateTime),
    ua.Variant(UUID(int=7), Kind.Guid),
    ua.Variant(ua.LocalizedText("hot"), Kind.LocalizedText),
    ua.Variant(ua.QualifiedName("q", 2), Kind.QualifiedName),
    ua.Variant(ua.NodeId(5, 2), Kind.NodeId),
    ua.Variant(ua.StatusCode(0x80000000), Kind.StatusCode),
    ua.Variant([1, 2, 3], Kind.Int32),
    ua.Variant([], Kind.Double),
    ua.Variant(["a", "b"], Kind.String),
    ua.Variant([[1, 2], [3, 4]], Kind.Int64),
    ua.Variant(ua.Range(1.0, 2.0), Kind.ExtensionObject),
    ua.Variant(),
]
TIMES = [datetime(2024, 1, 1, 1, 2, 3, 456789, tzinfo=UTC), datetime(1601, 1, 1, tzinfo=UTC),
         datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)]  # fmt: skip
STATUS = [0, 0x40000000, 0x80000000, 0x80340000, 0x480, 0xFFFFFFFF]


def item(dice: random.Random, value: ua.Variant | None, mask: int, handle: int | None = None) -> bytes:
    """One item with exactly the fields of a mask; the library orders them itself."""
    data = ua.DataValue(
        Value=value,
        StatusCode=ua.StatusCode(ua.UInt32(dice.choice(STATUS))) if mask & 2 else None,
        SourceTimestamp=dice.choice(TIMES) if mask & 4 else None,
        ServerTimestamp=dice.choice(TIMES) if mask & 8 else None,
        SourcePicoseconds=dice.randrange(1 << 16) if mask & 16 else None,
        ServerPicoseconds=dice.randrange(1 << 16) if mask & 32 else None,
    )
    one = struct_to_binary(
        ua.MonitoredItemNotification(dice.randrange(len(SERIES) + 3) if handle is None else handle, data)
    )
    if mask & 1:
        return one
    # The library always writes a value: an empty one is a byte behind the mask.
    assert value is None
    return one[:4] + bytes([one[4] & ~1]) + one[6:]


def body(items: list[bytes]) -> bytes:
    return struct.pack("<i", len(items)) + b"".join(items) + struct.pack("<i", -1)


def by_library(data: bytes, decoder: Decoder) -> list[Sample]:
    count = struct.unpack("<i", data[:4])[0]
    buffer = Buffer(data, 4)
    found = [struct_from_binary(ua.MonitoredItemNotification, buffer) for _ in range(count)]
    known = [one for one in found if 1 <= one.ClientHandle <= len(SERIES)]
    return [decoder.sample(SERIES[one.ClientHandle - 1], one.Value) for one in known]


def by_receiver(data: bytes, decoder: Decoder) -> list[Sample]:
    received = Receiver(SERIES, decoder).receive(data)
    return [*received.samples, *(received.block.samples() if received.block is not None else [])]


def in_order(samples: list[Sample], times_known: bool) -> dict[tuple[str, str], list[str]]:
    """Readings by signal, in their order; a time that was taken from this clock says nothing."""
    found: dict[tuple[str, str], list[str]] = {}
    for one in samples:
        # A server's overflow bit is taken off and told beside the readings.
        quality = one.quality & ~0x480 if one.quality & 0x480 == 0x480 and not one.quality & 0x37F else one.quality
        quality = quality & ~0x80 if quality & 0x480 == 0x480 else quality
        shown = one._replace(ts_us=one.ts_us if times_known else 0, quality=quality)
        found.setdefault((one.equipment_id, one.signal), []).append(repr(shown))
    return found


def numbers(dice: random.Random) -> ua.Variant:
    kind = dice.choice(list(NUMBERS))
    return ua.Variant(dice.choice(NUMBERS[kind]), kind)


@pytest.mark.parametrize("kind", list(NUMBERS), ids=lambda kind: kind.name)
def test_every_number_with_every_mask_is_what_the_library_reads(kind: Kind) -> None:
    dice = random.Random(kind.value)
    for mask in range(1, 64, 2):
        values = [ua.Variant(value, kind) for value in NUMBERS[kind]]
        data = body([item(dice, value, mask, handle) for handle, value in enumerate(values, start=1)])
        expected, found = by_library(data, Decoder({})), by_receiver(data, Decoder({}))
        assert in_order(found, bool(mask & 12)) == in_order(expected, bool(mask & 12)), mask


def test_items_without_a_value_are_null_with_a_reason() -> None:
    dice = random.Random(0)
    for mask in range(0, 64, 2):
        data = body([item(dice, None, mask, handle) for handle in (1, 2, 3)])
        expected, found = by_library(data, Decoder({})), by_receiver(data, Decoder({}))
        assert in_order(found, bool(mask & 12)) == in_order(expected, bool(mask & 12)), mask


@pytest.mark.parametrize("seed", range(60))
def test_any_mixture_is_what_the_library_reads(seed: int) -> None:
    dice = random.Random(seed)
    rules = {
        SERIES[3]: Rule(Scaling(0.1, 2.0)),
        SERIES[4]: Rule(Scaling(3.0)),
        SERIES[5]: Rule(element=1),
        SERIES[6]: Rule(Scaling(-0.5, 1.0), 0),
    }
    share = dice.choice([0.0, 0.05, 0.5])
    items = []
    for _ in range(dice.randrange(120)):
        value = dice.choice(OTHERS) if dice.random() < share else numbers(dice)
        items.append(item(dice, value, dice.choice([4, 8, 12]) | dice.randrange(64) | 1))
    data = body(items)
    expected, found = by_library(data, Decoder(rules)), by_receiver(data, Decoder(rules))
    assert in_order(found, True) == in_order(expected, True)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_cut_off_or_turned_over_is_refused_or_read_but_never_breaks(seed: int) -> None:
    dice = random.Random(seed)
    alike = [item(dice, ua.Variant(float(n), Kind.Double), 15, n + 1) for n in range(5)]
    mixed = [item(dice, dice.choice([*OTHERS, numbers(dice)]), 15, n + 1) for n in range(8)]
    for items in (alike, mixed):
        whole = body(items)[:-4]
        for end in range(len(whole)):
            with pytest.raises(ua.UaError):
                read_changes(whole[:end])
        for _ in range(200):
            broken = bytearray(whole)
            broken[dice.randrange(4, len(broken))] = dice.randrange(256)
            try:
                read_changes(bytes(broken))
            except ua.UaError:
                continue


def test_an_empty_notification_has_no_items() -> None:
    for count in (0, -1):
        changes = read_changes(struct.pack("<ii", count, -1))
        assert len(changes.handle) == len(changes.odd) == 0


def test_a_response_keeps_its_changes_as_they_came_and_reads_the_rest() -> None:
    at = TIMES[0]
    values = [ua.MonitoredItemNotification(1, ua.DataValue(ua.Variant(1.5), SourceTimestamp=at))]
    changes = ua.DataChangeNotification(MonitoredItems=values)
    ended = ua.StatusChangeNotification(Status=ua.StatusCode(ua.UInt32(0x800A0000)))
    sent = ua.PublishResponse()
    sent.ResponseHeader.RequestHandle = 9
    sent.Parameters.SubscriptionId, sent.Parameters.AvailableSequenceNumbers = 7, [1, 2]
    sent.Parameters.NotificationMessage = ua.NotificationMessage(
        SequenceNumber=2, PublishTime=at, NotificationData=[changes, ended]
    )
    found = read_response(Buffer(struct_to_binary(sent)))
    message = found.Parameters.NotificationMessage
    assert (found.ResponseHeader.RequestHandle, found.Parameters.SubscriptionId) == (9, 7)
    assert (found.Parameters.AvailableSequenceNumbers, message.SequenceNumber) == ([1, 2], 2)
    assert (found.Parameters.MoreNotifications, message.PublishTime) == (sent.Parameters.MoreNotifications, at)
    raw, other = message.NotificationData
    assert isinstance(raw, RawChanges)
    assert raw.body == struct_to_binary(changes)
    assert other == ended
    (sample,) = by_receiver(raw.body, Decoder({}))
    assert (sample.ts_us, sample.value) == (to_us(at), 1.5)
    with pytest.raises(ua.UaError):
        read_response(Buffer(struct_to_binary(sent)[:-30]))


def test_what_a_queue_lost_is_told_and_the_code_is_history_s() -> None:
    over = ua.StatusCode(ua.UInt32(0x480))
    values = [ua.DataValue(value, over, TIMES[0]) for value in (ua.Variant(1.0), ua.Variant("text"))]
    items = [struct_to_binary(ua.MonitoredItemNotification(n + 1, one)) for n, one in enumerate(values)]
    received = Receiver(SERIES, Decoder({})).receive(body(items))
    assert received.overflowed == {SERIES[0], SERIES[1]}
    assert received.block is not None
    assert [one.quality for one in (*received.samples, *received.block.samples())] == [0, 0]
