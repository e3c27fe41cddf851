"""Deadband and sampling: which good values of a forwarded signal leave as themselves."""

from __future__ import annotations

from dataclasses import dataclass

from bridge.contract.plan import SeriesPlan


@dataclass(slots=True)
class LastForwarded:
    """The last good value that left, which deadband and sampling look back to."""

    value: float | None = None
    ts_us: int = 0


def leaves(plan: SeriesPlan, last: LastForwarded, ts_us: int, value: float) -> bool:
    """Whether a good, finite value leaves; remembers it if so. The first always does."""
    if last.value is not None:
        if plan.sampling_us is not None and ts_us - last.ts_us < plan.sampling_us:
            return False
        if plan.deadband is not None and plan.deadband.hides(last.value, value):
            return False
    last.value, last.ts_us = value, ts_us
    return True
