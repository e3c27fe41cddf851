"""All watches together; one that fails is set aside, and keeps neither the others nor the journal from going on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pyarrow as pa

from bridge.contract.columns import Columns
from bridge.driver import Series
from bridge.rules.engine import Engine
from bridge.rules.memory import Memory, State
from bridge.rules.plan import Watch
from core.contracts.reading import Sample
from core.log import get_logger

_log = get_logger("bridge")
_FEW = 64


class Watching:
    """Watches of a site and what they remember.

    Args:
        watches: one for each rule and machine.
        memories: of each of them.
    """

    def __init__(self, watches: Iterable[Watch], memories: Mapping[Series, Memory]) -> None:
        self._aside: dict[Series, Memory] = {}
        self._watches = tuple(watches)
        self._engine = Engine(self._watches, memories)
        self._signals = {name for one in self._watches for name in one.rule.inputs}

    def looks_at(self, readings: pa.RecordBatch) -> bool:
        """False if no rule looks at any of them: what rules make comes by again, a frame each time, and is passed over.

        Where many signals come at once, nobody asks.
        """
        names = readings.column("signal").dictionary
        return len(names) > _FEW or not self._signals.isdisjoint(names.to_pylist())

    def look(self, columns: Columns) -> list[Sample]:
        """Events and scores of one step; what is remembered moves on."""
        try:
            return self._engine.look(columns)
        except Exception:  # which one it is, each alone will tell
            self._engine, found = self._one_by_one(self._engine.memories(), columns)
            return found

    def moved(self) -> list[tuple[tuple[Watch, ...], State]]:
        """What rules remember, with their watches; of those that have moved since `settle`."""
        return [self._whole(*one) for one in self._engine.moved()]

    def _whole(self, watches: tuple[Watch, ...], state: State) -> tuple[tuple[Watch, ...], State]:
        """Together with what machines of the rule remember that were set aside."""
        rule = watches[0].rule
        aside = [one for one in self._watches if one.rule is rule and one.key in self._aside]
        if not aside:
            return watches, state
        memories = [*state.memories([rule.inputs] * len(watches)), *(self._aside[one.key] for one in aside)]
        return (*watches, *aside), State.of([(one, rule.inputs) for one in memories])

    def settle(self) -> None:
        """What has moved is stored."""
        self._engine.settle()

    def _one_by_one(self, memories: Mapping[Series, Memory], columns: Columns) -> tuple[Engine, list[Sample]]:
        """Look with each watch alone, and go on with those that can."""
        remembered = dict(memories)
        found: list[Sample] = []
        sound: list[Watch] = []
        for watch in self._watches:
            if watch.key in self._aside:
                continue
            try:
                alone = Engine([watch], remembered)
                found += alone.look(columns)
            except Exception as error:  # one rule must not keep the others from going on
                self._set_aside(watch, remembered[watch.key], error)
            else:
                sound.append(watch)
                remembered |= alone.memories()
        return Engine(sound, remembered), found

    def _set_aside(self, watch: Watch, memory: Memory, error: Exception) -> None:
        self._aside[watch.key] = memory
        _log.error(
            "edge rule failed and is set aside",
            action="rule",
            rule=watch.rule.rule,
            device=watch.machine,
            error=f"{type(error).__name__}: {error}",
        )
