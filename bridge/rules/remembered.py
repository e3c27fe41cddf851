"""What rules remember in the bridge's database: a row a rule, its machines in columns."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable

from bridge.driver import Series
from bridge.rules.memory import Memory, State, load
from bridge.rules.plan import Watch

Known = tuple[str, str, Memory]
"""Event, definition and memory of one rule on one machine."""


def store(connection: sqlite3.Connection, moved: Iterable[tuple[tuple[Watch, ...], State]]) -> None:
    """Write what rules remember now, inside the caller's transaction."""
    rows = [
        (
            watches[0].rule.rule,
            watches[0].rule.event,
            watches[0].definition,
            json.dumps([one.machine for one in watches]),
            json.dumps(watches[0].rule.inputs),
            state.dump(),
        )
        for watches, state in moved
    ]
    connection.executemany("insert or replace into rule_states values (?, ?, ?, ?, ?, ?)", rows)


def forget_rules(connection: sqlite3.Connection, rules: Iterable[str]) -> None:
    """Rules that are no more; and what an earlier version wrote, which stands in the other table by now."""
    connection.executemany("delete from rule_states where rule = ?", [(one,) for one in rules])
    connection.execute("delete from rule_memory")


def remembered(connection: sqlite3.Connection) -> dict[Series, Known]:
    """What was stored last, by rule and machine."""
    found: dict[Series, Known] = {
        (rule, machine): (event, definition, load(text))
        for rule, machine, event, definition, text in connection.execute("select * from rule_memory")
    }
    for rule, event, definition, *kept, state in connection.execute("select * from rule_states"):
        machines, inputs = map(json.loads, kept)
        memories = State.load(state, len(machines), len(inputs)).memories([inputs] * len(machines))
        found |= {(rule, machine): (event, definition, one) for machine, one in zip(machines, memories, strict=True)}
    return found
