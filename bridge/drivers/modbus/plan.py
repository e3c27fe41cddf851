"""Which reads a site needs: few requests, and no sample torn between two of them.

A machine with a clock has reads of its own, clock and values in one as far as one reaches. Signals without a clock
share reads across machines. No read crosses a unit, a table or the device's limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bridge.drivers.modbus.address import ModbusAddress, parse_address
from bridge.drivers.modbus.decode import CLOCK, Layout, Point
from bridge.drivers.modbus.profiles import ModbusProfile
from bridge.scaling import scaling_of
from core.contracts.addresses import ModbusBlock, modbus_blocks
from core.contracts.equipment import Unit
from core.contracts.site import SiteFile
from core.errors import InputError

CLOCK_UNITS_US = {"us": 1, "ms": 1_000, "s": 1_000_000}


@dataclass(frozen=True, slots=True)
class Read:
    """One request."""

    device_id: int
    table: str
    layout: Layout

    @property
    def points(self) -> list[Point]:
        """What it reads, by register."""
        return self.layout.points


@dataclass(frozen=True, slots=True)
class Poll:
    """Reads whose values have one source time.

    Attributes:
        reads: in the order they are asked; with a clock, the first holds it.
        clock: where the machine's own time lies; None if the time of the read is the values' time.
        clock_us: microseconds that one count of the clock stands for.
    """

    reads: tuple[Read, ...]
    clock: Point | None = None
    clock_us: int = 1

    @property
    def points(self) -> list[Point]:
        """Every signal, the clock left out."""
        return [point for read in self.reads for point in read.points if point.signal != CLOCK]


def plan_polls(site: SiteFile, profile: ModbusProfile) -> list[Poll]:
    """Polls of a site: machines with a clock in file order, then all other signals by unit, table and register.

    Raises:
        InputError: an address is missing or malformed.
    """
    derived = _derived(site)
    order = site.modbus.order if site.modbus else "abcd"
    polls: list[Poll] = []
    free: list[Point] = []
    for unit in site.units():
        block = derived.get(unit.id)
        points = [_point(unit, place, site, block, order) for place in range(len(unit.signals))]
        text = block.clock_address if block else site.clock.address if site.clock else None
        if text is None:
            free.extend(points)
            continue
        where = f"{site.site}, {unit.id}, clock"
        clock = Point(unit.id, CLOCK, _clock_address(text, where, "abcd" if block else order))
        count_us = CLOCK_UNITS_US[site.clock.unit] if site.clock and not block else 1
        polls.append(Poll(tuple(_clocked_reads(clock, points, profile)), clock, count_us))
    polls.extend(Poll((read,)) for read in coalesce(free, profile))
    return polls


def _derived(site: SiteFile) -> dict[str, ModbusBlock]:
    """Clock and value addresses by machine, for a site that is known by its recording alone."""
    without = [signal for unit in site.units() for signal in unit.signals if signal.address is None]
    if not without or site.recording is None:
        return {}
    return {block.equipment_id: block for block in modbus_blocks(site)}


def _point(unit: Unit, place: int, site: SiteFile, block: ModbusBlock | None, order: str) -> Point:
    signal = unit.signals[place]
    where = f"{site.site}, {unit.id}.{signal.name}"
    if signal.address is not None:
        address = parse_address(signal.address, where=where, order=order)
    elif block is not None:
        address = parse_address(block.value_addresses[signal.name], where=where)
    else:
        raise InputError(
            "signal has no address",
            expected="an `address`, or a `recording` to derive it from",
            where=where,
            next_step="add `address` in the site file",
        )
    scaling = scaling_of(signal)
    if scaling is not None and (address.type == "bit" or address.type.startswith("string")):
        raise InputError(
            "scale and offset are for numbers", received=f"{address}", where=where, next_step="remove both"
        )
    return Point(unit.id, signal.name, address, scaling)


def _clock_address(text: str, where: str, order: str) -> ModbusAddress:
    address = parse_address(text, where=where, order=order)
    if address.type == "bit" or address.type.startswith("string") or address.bits is not None:
        raise InputError("a clock is a number", expected="for example 1/holding/0/int64", received=text, where=where)
    return address


def _clocked_reads(clock: Point, points: Sequence[Point], profile: ModbusProfile) -> list[Read]:
    """The read with the clock takes all it can reach, whatever lies between; the rest follows."""
    home, rest = [clock], list[Point]()
    for point in sorted(points, key=_place):
        (home if _fits([*home, point], profile) else rest).append(point)
    return [read_of(home), *coalesce(rest, profile)]


def coalesce(points: Iterable[Point], profile: ModbusProfile) -> list[Read]:
    """As few reads as the device's limit and the limit of what is read in vain allow."""
    groups: list[list[Point]] = []
    end = 0
    for point in sorted(points, key=_place):
        address = point.address
        near = bool(groups) and address.register - end <= profile.gap(address.table)
        if near and _fits([groups[-1][0], point], profile):
            groups[-1].append(point)
            end = max(end, address.end)
        else:
            groups.append([point])
            end = address.end
    return [read_of(group) for group in groups]


def _place(point: Point) -> tuple[int, str, int]:
    address = point.address
    return address.device_id, address.table, address.register


def _fits(points: Sequence[Point], profile: ModbusProfile) -> bool:
    addresses = [point.address for point in points]
    same = len({(a.device_id, a.table) for a in addresses}) == 1
    span = max(a.end for a in addresses) - min(a.register for a in addresses)
    return same and span <= profile.limit(addresses[0].table)


def read_of(points: Sequence[Point]) -> Read:
    """The read from the first register of some points of one unit and table to their last."""
    start = min(point.address.register for point in points)
    end = max(point.address.end for point in points)
    first = points[0].address
    return Read(first.device_id, first.table, Layout(start, end - start, points))


def parts_of(read: Read) -> list[Read]:
    """A read taken apart: at the widest hole between its points, else in the middle; itself if it has one point."""
    points = read.points
    if len(points) == 1:
        return [read]
    ends = [points[0].address.end]
    for point in points[1:]:
        ends.append(max(ends[-1], point.address.end))
    holes = [point.address.register - end for point, end in zip(points[1:], ends, strict=False)]
    widest = max(holes)
    at = holes.index(widest) + 1 if widest > 0 else len(points) // 2
    return [read_of(points[:at]), read_of(points[at:])]
