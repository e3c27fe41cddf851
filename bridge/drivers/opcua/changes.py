"""The body of a DataChangeNotification as columns (OPC UA Part 6, sections 5.2.2.16 and 5.2.2.17).

Nearly every change of a plant is a number with a status and a time. These are read all at once: items of one layout,
which is the mask of the data value and the type of its variant, have one length, and their fields lie at the same
places. Whatever else there is, texts, arrays, structures, is read by the library, one by one.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from asyncua import ua
from asyncua.common.utils import Buffer, NotEnoughData
from asyncua.ua.ua_binary import from_binary

from bridge.block import Bools, Floats, Ints, Qualities
from bridge.drivers.opcua.decode import to_us
from core.contracts.quality import BAD_NO_DATA

_VALUE, _STATUS, _SOURCE, _SERVER, _SOURCE_PICO, _SERVER_PICO = (1 << bit for bit in range(6))
_NUMBERS = {
    ua.VariantType.Boolean: "u1",
    ua.VariantType.SByte: "i1",
    ua.VariantType.Byte: "u1",
    ua.VariantType.Int16: "<i2",
    ua.VariantType.UInt16: "<u2",
    ua.VariantType.Int32: "<i4",
    ua.VariantType.UInt32: "<u4",
    ua.VariantType.Int64: "<i8",
    ua.VariantType.UInt64: "<u8",
    ua.VariantType.Float: "<f4",
    ua.VariantType.Double: "<f8",
}
_HANDLE_SIZE = 4
_FILETIME_US = -11_644_473_600_000_000
"""The year 1601, where the times of the protocol begin, in steps of 100 ns."""
_SEVERITY = np.uint32(0xC0000000)


@dataclass(frozen=True, slots=True)
class Odd:
    """An item that is no plain number, as the library reads it.

    Attributes:
        place: among all items of the notification.
        handle: the client's handle of the item.
        value: with status and times.
    """

    place: int
    handle: int
    value: ua.DataValue


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """Items of one notification.

    Attributes:
        place: of each number among all items.
        handle: the client's handle of the item.
        ts: source time, else the server's, else now; microseconds since the epoch.
        value: 0 where there is none.
        valid: whether there is a value.
        quality: OPC UA status code; a good one without a value is BadNoData.
        odd: everything else.
    """

    place: Ints
    handle: Ints
    ts: Ints
    value: Floats
    valid: Bools
    quality: Qualities
    odd: list[Odd]


class UnreadableItemError(ua.UaError):
    """An item that cannot be read; where the next one begins, nobody knows.

    Attributes:
        handle: the client's handle of the item, as it stands there.
        before: that of the item before it, which may have ended elsewhere than it said; 0 if there is none.
    """

    def __init__(self, handle: int, before: int, why: Exception) -> None:
        super().__init__(f"an item that cannot be read: {why}")
        self.handle, self.before = handle, before


def read_changes(body: bytes, apart: frozenset[int] = frozenset()) -> Changes:
    """Read a notification.

    Args:
        body: as it came.
        apart: handles of items that are odd whatever they hold.

    Raises:
        UnreadableItemError: an item cannot be read.
        ua.UaError: it is cut off.
    """
    if len(body) < 4:
        raise NotEnoughData("a notification without a number of items")
    count = max(int.from_bytes(body[:4], "little", signed=True), 0)
    odd: list[Odd] = []
    found = _regular(body, count, apart)
    places, starts, layouts = _walked(body, count, apart, odd) if found is None else found
    items = len(places)
    changes = Changes(
        places,
        np.zeros(items, np.int64),
        np.zeros(items, np.int64),
        np.zeros(items, np.float64),
        np.zeros(items, np.bool_),
        np.zeros(items, np.uint32),
        odd,
    )
    raw = np.frombuffer(body, np.uint8)
    for layout in np.unique(layouts).tolist():
        rows = np.flatnonzero(layouts == layout)
        _fill(changes, rows, raw, starts[rows], layout)
    changes.quality[~changes.valid & ((changes.quality & _SEVERITY) == 0)] = BAD_NO_DATA
    return changes


def _regular(body: bytes, count: int, apart: frozenset[int]) -> tuple[Ints, Ints, Ints] | None:
    """As `_walked`, if no item is odd and all have one layout; None if they have not, or the body is cut off."""
    if not count or len(body) < 4 + _HANDLE_SIZE + 2:
        return None
    layout = _layout(body, 4)
    size = _sizes().get(layout, 0)
    if not size or 4 + count * size > len(body):
        return None
    items = np.frombuffer(body, np.uint8, count * size, 4).reshape(count, size)
    if (items[:, 4] != layout >> 8).any() or (layout >> 8 & _VALUE and (items[:, 5] != layout & 0xFF).any()):
        return None
    if apart and not apart.isdisjoint(items[:, :_HANDLE_SIZE].copy().view("<u4")[:, 0].tolist()):
        return None
    return np.arange(count), np.arange(4, 4 + count * size, size), np.full(count, layout)


def _walked(body: bytes, count: int, apart: frozenset[int], odd: list[Odd]) -> tuple[Ints, Ints, Ints]:
    """Places, starts and layouts of the numbers; everything else goes to `odd`."""
    sizes, length = _sizes(), len(body)
    places: list[int] = []
    starts: list[int] = []
    layouts: list[int] = []
    at, before = 4, 0
    for place in range(count):
        if at + _HANDLE_SIZE + 1 > length:
            raise NotEnoughData("a notification that is cut off")
        mask = body[at + 4]
        layout = mask << 8 | body[at + 5] if mask & _VALUE and at + 5 < length else mask << 8
        size = sizes.get(layout)
        handle = int.from_bytes(body[at : at + _HANDLE_SIZE], "little") if size is None or apart else 0
        if size is None or handle in apart:
            rest = Buffer(body, at + _HANDLE_SIZE)
            try:
                odd.append(Odd(place, handle, from_binary(ua.DataValue, rest)))
            except Exception as error:  # whatever the library's parts say to bytes that are none of theirs
                raise UnreadableItemError(handle, _handle(body, before), error) from error
            before, at = at, rest.cur_pos
            continue
        places.append(place)
        starts.append(at)
        layouts.append(layout)
        before = at
        at += size
        if at > length:
            raise NotEnoughData("a notification that is cut off")
    return np.array(places, np.int64), np.array(starts, np.int64), np.array(layouts, np.int64)


def _handle(body: bytes, start: int) -> int:
    """Of the item that begins there; 0, which is nobody's, before the first."""
    return int.from_bytes(body[start : start + _HANDLE_SIZE], "little") if start else 0


def _layout(body: bytes, start: int) -> int:
    mask = body[start + 4]
    return mask << 8 | body[start + 5] if mask & _VALUE else mask << 8


@cache
def _sizes() -> dict[int, int]:
    """Length of an item by its layout, for those that are plain numbers."""
    return {layout: _fields(layout).itemsize for layout in _layouts()}


def _layouts() -> list[int]:
    found: list[int] = []
    for mask in range(1 << 6):
        if mask & _SOURCE_PICO and mask & _SERVER and not mask & _SOURCE:
            continue  # the library expects the fields in another order than the standard: leave it to the library
        kinds = (0, *(int(kind) for kind in _NUMBERS)) if mask & _VALUE else (0,)
        found.extend(mask << 8 | kind for kind in kinds)
    return found


@cache
def _fields(layout: int) -> np.dtype[np.void]:
    """Where the fields of an item lie; picoseconds stand behind both times here as in the library."""
    mask, kind = layout >> 8, layout & 0xFF
    fields: list[tuple[str, str]] = [("handle", "<u4"), ("mask", "u1")]
    if mask & _VALUE:
        fields.append(("kind", "u1"))
        if kind:
            fields.append(("value", _NUMBERS[ua.VariantType(kind)]))
    named = ((_STATUS, "status", "<u4"), (_SOURCE, "source", "<i8"), (_SERVER, "server", "<i8"))
    fields.extend((name, form) for bit, name, form in named if mask & bit)
    fields.extend((f"pico{bit}", "<u2") for bit in (_SOURCE_PICO, _SERVER_PICO) if mask & bit)
    return np.dtype(fields)


def _fill(changes: Changes, rows: npt.NDArray[np.intp], raw: npt.NDArray[np.uint8], starts: Ints, layout: int) -> None:
    """Read the items of one layout into their rows."""
    fields = _fields(layout)
    items = raw[starts[:, None] + np.arange(fields.itemsize)].view(fields)[:, 0]
    names = fields.names or ()
    changes.handle[rows] = items["handle"]
    if "value" in names:
        boolean = layout & 0xFF == int(ua.VariantType.Boolean)
        with np.errstate(invalid="ignore"):  # a NaN that signals becomes one that does not
            changes.value[rows] = items["value"] != 0 if boolean else items["value"]
        changes.valid[rows] = True
    if "status" in names:
        changes.quality[rows] = items["status"]
    for name in ("source", "server"):
        if name in names:
            changes.ts[rows] = _microseconds(items[name])
            return
    changes.ts[rows] = time.time_ns() // 1000


def _microseconds(ticks: Ints) -> Ints:
    """Times of the protocol since the epoch; what lies outside its calendar is moved to the end of it."""
    within = np.clip(ticks, 0, None) // 10 + _FILETIME_US
    return np.where(ticks >= ua.uatypes.MAX_OPC_FILETIME, to_us(ua.uatypes.MAX_FILETIME_EPOCH_AS_UTC_DATETIME), within)
