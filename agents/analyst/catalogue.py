"""What there is, read from the results of catalogue tools: machines, signals, fault codes, days with data. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

_PARTS = re.compile(r"[a-z]+|\d+")
Part = str | int


def parts(text: str) -> tuple[Part, ...]:
    """A name as words and numbers: `engine-005` is ("engine", 5)."""
    return tuple(int(part) if part.isdigit() else part for part in _PARTS.findall(text.lower()))


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine and the days it has data for."""

    id: str
    type: str
    first: date
    last: date


@dataclass(frozen=True, slots=True)
class FaultCode:
    """One fault code and what it says."""

    type: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything that can be named in a question."""

    machines: tuple[Machine, ...] = ()
    signals: tuple[tuple[str, str], ...] = ()
    """(equipment type, signal)."""
    codes: tuple[FaultCode, ...] = ()
    sites: tuple[str, ...] = ()

    def types(self) -> list[str]:
        """Equipment types, sorted."""
        return sorted({machine.type for machine in self.machines})

    def of_type(self, equipment_type: str) -> list[Machine]:
        """Machines of one type."""
        return [machine for machine in self.machines if machine.type == equipment_type]

    def days(self, machines: Iterable[str] = (), types: Iterable[str] = ()) -> tuple[date, date] | None:
        """First and last day with data of these machines or types, of all if none is named."""
        wanted, kinds = set(machines), set(types)
        scope = [m for m in self.machines if m.id in wanted or (not wanted and (not kinds or m.type in kinds))]
        return (min(m.first for m in scope), max(m.last for m in scope)) if scope else None

    def names(self, most: int = 6) -> str:
        """Machines in words, for refusals."""
        said: list[str] = []
        for kind in self.types():
            ids = [machine.id for machine in self.of_type(kind)]
            shown = ", ".join(ids) if len(ids) <= most else f"{ids[0]} to {ids[-1]}"
            said.append(f"{kind.replace('_', ' ')}: {shown}")
        return "; ".join(said)


def read_catalogue(contents: Iterable[str]) -> Catalogue:
    """A catalogue from the JSON results of catalogue tools; rows that are none of its kinds are skipped."""
    machines: dict[str, Machine] = {}
    signals: dict[tuple[str, str], None] = {}
    codes: dict[tuple[str, str], FaultCode] = {}
    sites: dict[str, None] = {}
    for row in (row for content in contents for row in _rows(content)):
        match row.get("kind"):
            case "equipment":
                machines[row["equipment_id"]] = Machine(
                    row["equipment_id"],
                    row["equipment_type"],
                    date.fromisoformat(row["first_day"]),
                    date.fromisoformat(row["last_day"]),
                )
                sites |= {row["site"]: None} if row.get("site") else {}
            case "signal":
                signals[row["equipment_type"], row["signal"]] = None
            case "fault_code":
                key = (row["equipment_type"], row["fault_code"])
                codes[key] = FaultCode(*key, row.get("message") or "")
            case _:
                continue
    return Catalogue(tuple(machines.values()), tuple(signals), tuple(codes.values()), tuple(sites))


def _rows(content: str) -> list[dict[str, Any]]:
    try:
        return json.loads(content).get("rows", [])
    except (json.JSONDecodeError, AttributeError):  # an error reply is plain text
        return []
