"""Units behind one connection: who does not answer, or answers slowly, is left alone for a while."""

from __future__ import annotations

from collections.abc import Iterable

from bridge.backoff import Backoff
from bridge.drivers.modbus.profiles import ModbusProfile

_SHARE = 3
"""Rests of a slow unit, in answers: it gets a quarter of a line's time."""


class Units:
    """Which units may be asked now; times are of one monotonic clock."""

    def __init__(self, device_ids: Iterable[int], profile: ModbusProfile) -> None:
        self._profile = profile
        self._resting_until = dict.fromkeys(device_ids, 0.0)
        self._silent: dict[int, Backoff] = {}

    def resting(self, device_id: int, now: float) -> bool:
        """True if the unit is to be left alone."""
        return now < self._resting_until[device_id]

    def is_silent(self, device_id: int) -> bool:
        """True if the unit did not answer the last time it was asked."""
        return device_id in self._silent

    def silent(self, device_id: int, now: float) -> None:
        """The unit did not answer; each time again it rests longer."""
        profile = self._profile
        backoff = self._silent.setdefault(device_id, Backoff(profile.longest_rest_s, first_s=profile.first_rest_s))
        self._resting_until[device_id] = now + backoff.pause_s()

    def answered(self, device_id: int, took_s: float, now: float) -> bool:
        """The unit answered; true if it had been silent before."""
        if took_s > self._profile.slow_answer_s:
            self._resting_until[device_id] = now + _SHARE * took_s
        return self._silent.pop(device_id, None) is not None

    @property
    def several(self) -> bool:
        """Whether there are others that could wait for one."""
        return len(self._resting_until) > 1

    @property
    def nobody_answers(self) -> bool:
        """Every unit was silent the last time it was asked."""
        return len(self._silent) == len(self._resting_until)
