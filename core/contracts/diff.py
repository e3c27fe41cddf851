"""What changes between two contracts of one site, for those who build on what leaves it. Pure.

A change is *breaking* if something a reader relies on disappears or means something else: a signal that left and leaves
no more, a unit, a kind of value, a limit under which values that were good become rejects, a fault code. It is
*thinning* if the same comes less often, *new* if it only adds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from core.contracts.data_contract import DataContract, Deadband, Rule, SignalContract


class Effect(StrEnum):
    """What a change does to a reader, the worst first."""

    BREAKING = "breaking"
    THINNING = "thinning"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference.

    Attributes:
        effect: what it does to a reader.
        thing: `type.signal`, `type.signal:aggregate:duration` or `rule NAME`.
        said: what changed, in words.
    """

    effect: Effect
    thing: str
    said: str


def diff(old: DataContract, new: DataContract) -> list[Change]:
    """Every difference between two contracts, the breaking ones first, then by name."""
    changes = [*_signals(old, new), *_rules(old, new)]
    return sorted(changes, key=lambda one: (list(Effect).index(one.effect), one.thing, one.said))


def needs_major_version(old: DataContract, new: DataContract) -> bool:
    """True if the new contract breaks readers and its version does not say so (semantic versioning)."""
    breaks = any(change.effect is Effect.BREAKING for change in diff(old, new))
    return breaks and _major(new.version) <= _major(old.version)


def _major(version: str) -> int:
    first = version.removeprefix("v").partition(".")[0]
    return int(first) if first.isdigit() else 0


def _signals(old: DataContract, new: DataContract) -> Iterator[Change]:
    for key in sorted(old.signals.keys() | new.signals.keys()):
        name = ".".join(key)
        before, after = old.signals.get(key), new.signals.get(key)
        if before is None and after is not None:
            yield from (Change(Effect.NEW, _full(key[0], one), "leaves now") for one in after.outgoing())
        elif after is None and before is not None:
            yield from (Change(Effect.BREAKING, _full(key[0], one), "leaves no more") for one in before.outgoing())
        elif before is not None and after is not None:
            yield from _leaving(key[0], before, after)
            yield from _meaning(name, before, after)
            yield from _detail(name, before, after)


def _full(equipment_type: str, signal: str) -> str:
    return f"{equipment_type}.{signal}"


def _leaving(equipment_type: str, before: SignalContract, after: SignalContract) -> Iterator[Change]:
    left, leaves = before.outgoing(), after.outgoing()
    for gone in left:
        if gone not in leaves:
            yield Change(Effect.BREAKING, _full(equipment_type, gone), "leaves no more")
    for fresh in leaves:
        if fresh not in left:
            yield Change(Effect.NEW, _full(equipment_type, fresh), "leaves now")


def _meaning(name: str, before: SignalContract, after: SignalContract) -> Iterator[Change]:
    if before.unit != after.unit:
        yield Change(Effect.BREAKING, name, f"unit {before.unit} becomes {after.unit}")
    if before.numeric != after.numeric:
        kinds = ("numbers only", "numbers or texts")
        was, becomes = kinds if before.numeric else kinds[::-1]
        yield Change(Effect.BREAKING if after.numeric else Effect.NEW, name, f"{was} becomes {becomes}")
    for word, was, becomes, narrower in (
        ("minimum", before.minimum, after.minimum, _raised(before.minimum, after.minimum)),
        ("maximum", before.maximum, after.maximum, _lowered(before.maximum, after.maximum)),
    ):
        if was != becomes:
            effect = Effect.BREAKING if narrower else Effect.NEW
            yield Change(effect, name, f"{word} {_limit(was)} becomes {_limit(becomes)}")


def _raised(was: float | None, becomes: float | None) -> bool:
    return becomes is not None and (was is None or becomes > was)


def _lowered(was: float | None, becomes: float | None) -> bool:
    return becomes is not None and (was is None or becomes < was)


def _limit(value: float | None) -> str:
    return "none" if value is None else f"{value:g}"


def _detail(name: str, before: SignalContract, after: SignalContract) -> Iterator[Change]:
    if before.deadband != after.deadband:
        thinner = after.deadband is not None and not _finer(before.deadband, after.deadband)
        said = f"deadband {_band(before.deadband)} becomes {_band(after.deadband)}"
        yield Change(Effect.THINNING if thinner else Effect.NEW, name, said)
    if before.sampling_us != after.sampling_us:
        thinner = (after.sampling_us or 0) > (before.sampling_us or 0)
        said = f"sampling {_span(before.sampling_us)} becomes {_span(after.sampling_us)}"
        yield Change(Effect.THINNING if thinner else Effect.NEW, name, said)

    yield from _closing(name, before, after)


def _closing(name: str, before: SignalContract, after: SignalContract) -> Iterator[Change]:
    """Windows that leave as before, but wait longer or shorter for late readings."""
    waits = {window.signal_of(before.signal, one): window for window in before.windows for one in window.aggregates}
    for window in after.windows:
        for one in window.aggregates:
            was = waits.get(window.signal_of(after.signal, one))
            if was is not None and was.lateness_us != window.lateness_us:
                effect = Effect.THINNING if window.lateness_us < was.lateness_us else Effect.NEW
                said = f"lateness {_span(was.lateness_us or None)} becomes {_span(window.lateness_us or None)}"
                yield Change(effect, f"{name}:{one}:{window.every}", said)


def _finer(before: Deadband | None, after: Deadband) -> bool:
    """The new deadband surely hides nothing that the old one showed; of two kinds that cannot be said."""
    if before is None:
        return False
    if before.absolute is not None and after.absolute is not None:
        return after.absolute <= before.absolute
    if before.percent is not None and after.percent is not None:
        return after.percent <= before.percent
    return False


def _band(deadband: Deadband | None) -> str:
    if deadband is None:
        return "none"
    return f"{deadband.absolute:g}" if deadband.absolute is not None else f"{deadband.percent or 0:g} %"


def _span(sampling_us: int | None) -> str:
    return "none" if sampling_us is None else f"{sampling_us / 1e6:g} s"


def _rules(old: DataContract, new: DataContract) -> Iterator[Change]:
    before, after = {rule.name: rule for rule in old.rules}, {rule.name: rule for rule in new.rules}
    for name in sorted(before.keys() | after.keys()):
        thing = f"rule {name}"
        was, becomes = before.get(name), after.get(name)
        if was is None and becomes is not None:
            yield Change(Effect.NEW, thing, f"raises {becomes.fault_code} on {_watched(becomes)}")
        elif becomes is None and was is not None:
            yield Change(Effect.BREAKING, thing, f"raises {was.fault_code} no more")
        elif was is not None and becomes is not None:
            yield from _rule(thing, was, becomes)


def _rule(thing: str, was: Rule, becomes: Rule) -> Iterator[Change]:
    if was.fault_code != becomes.fault_code:
        yield Change(Effect.BREAKING, thing, f"fault code {was.fault_code} becomes {becomes.fault_code}")
    if _watched(was) != _watched(becomes):
        yield Change(Effect.BREAKING, thing, f"watched {_watched(was)}, watches {_watched(becomes)}")
    if _condition(was) != _condition(becomes):
        yield Change(Effect.BREAKING, thing, f"raised when {_condition(was)}, raises when {_condition(becomes)}")
    if was.severity != becomes.severity:
        yield Change(Effect.BREAKING, thing, f"severity {was.severity} becomes {becomes.severity}")


def _watched(rule: Rule) -> str:
    return _full(rule.equipment_type, rule.signal)


def _condition(rule: Rule) -> str:
    clears = "" if rule.clear_at is None else f", clears at {rule.clear_at:g}"
    return f"{rule.raise_when} {rule.threshold:g}{clears}"
