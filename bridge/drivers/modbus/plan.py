"""Which reads a site needs: one a machine where clock and values lie close enough that no sample can be torn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bridge.drivers.modbus.address import ModbusAddress, parse_address
from bridge.drivers.modbus.decode import Layout
from core.contracts.addresses import modbus_blocks
from core.contracts.site import SiteFile, Unit
from core.errors import InputError

CLOCK = ""
"""Name under which the clock stands among the fields of a read."""
Placed = tuple[str, ModbusAddress]


@dataclass(frozen=True, slots=True)
class Read:
    """One request."""

    device_id: int
    table: str
    start: int
    layout: Layout


@dataclass(frozen=True, slots=True)
class Machine:
    """All reads of one machine; with a clock of its own, the first read holds it."""

    equipment_id: str
    signals: dict[str, ModbusAddress]
    reads: tuple[Read, ...]
    clocked: bool


def plan_reads(site: SiteFile, max_registers: int) -> list[Machine]:
    """Machines of a site in file order.

    Raises:
        InputError: an address is missing or malformed.
    """
    derived = _derived(site)
    return [_machine(unit, site, derived, max_registers) for unit in site.units()]


def _derived(site: SiteFile) -> dict[str, tuple[str, dict[str, str]]]:
    """Clock and value addresses by machine, for a site that is known by its recording alone."""
    without = [signal for unit in site.units() for signal in unit.signals if signal.address is None]
    if not without or site.recording is None:
        return {}
    return {block.equipment_id: (block.clock_address, block.value_addresses) for block in modbus_blocks(site)}


def _machine(unit: Unit, site: SiteFile, derived: dict[str, tuple[str, dict[str, str]]], max_registers: int) -> Machine:
    clock_text, value_texts = derived.get(unit.id, (site.clock.address if site.clock else None, {}))
    signals: list[Placed] = []
    for signal in unit.signals:
        where = f"{site.site}, {unit.id}.{signal.name}"
        text = signal.address or value_texts.get(signal.name)
        if text is None:
            raise InputError(
                "signal has no address",
                expected="an `address`, or a `recording` to derive it from",
                where=where,
                next_step="add `address` in the site file",
            )
        signals.append((signal.name, parse_address(text, where=where)))
    clock: list[Placed] = []
    if clock_text is not None:
        clock = [(CLOCK, parse_address(clock_text, where=f"{site.site}, {unit.id}, clock"))]
    reads = [_read(group) for group in _groups(clock, signals, max_registers)]
    return Machine(unit.id, dict(signals), tuple(reads), bool(clock))


def _groups(clock: Sequence[Placed], signals: Sequence[Placed], max_registers: int) -> list[list[Placed]]:
    """Fields that fit one read each; the group with the clock comes first and takes all it can reach."""
    groups: list[list[Placed]] = [list(clock)] if clock else []
    for placed in sorted(signals, key=lambda item: (item[1].device_id, item[1].table, item[1].register)):
        home = next((g for g in (groups[:1] + groups[-1:]) if _fits([*g, placed], max_registers)), None)
        if home is None:
            groups.append([placed])
        else:
            home.append(placed)
    return groups


def _fits(group: Sequence[Placed], max_registers: int) -> bool:
    addresses = [address for _, address in group]
    same = len({(a.device_id, a.table) for a in addresses}) == 1
    return same and max(a.end for a in addresses) - min(a.register for a in addresses) <= max_registers


def _read(group: Sequence[Placed]) -> Read:
    start = min(address.register for _, address in group)
    end = max(address.end for _, address in group)
    return Read(group[0][1].device_id, group[0][1].table, start, Layout(start, end - start, group))
