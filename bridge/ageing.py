"""How long readings have lain here, by time that has passed: a clock that is set makes nothing older.

While the bridge runs, a clock that cannot be set counts. From one process to the next only the wall clock has seen time
pass, and it is believed for a day at most: whoever sets it a year ahead, or boots without a battery, ages readings by a
day and not out. Kept too long is a matter of bytes, which have their own limit; removed too early is lost.
"""

from __future__ import annotations

import sqlite3

from bridge.store import get_meta, set_meta, transaction
from core import clock
from core.log import get_logger

_SET_US = 600_000_000
"""Difference between the two clocks from which on one of them was set, or the machine slept."""
_MOST_AWAY_US = 86_400_000_000
_log = get_logger("bridge")


class Ageing:
    """Counts time for one home folder; called by one thread at a time.

    Args:
        connection: of the historian; where the count is kept.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._age_us = int(get_meta(connection, "age_us", "0"))
        wall = clock.now_us()
        away = wall - int(get_meta(connection, "age_wall_us", str(wall)))
        if not 0 <= away <= _MOST_AWAY_US:
            _log.warning(
                "the clock says this bridge was away for longer than is believed; readings age by a day at most",
                action="age",
                away_s=away // 1_000_000,
            )
        self._age_us += min(max(away, 0), _MOST_AWAY_US)
        self._uptime_us, self._wall_us = clock.uptime_us(), wall

    def advance(self) -> int:
        """Microseconds that have passed for this folder since it was made.

        Raises:
            StoreError: the count could not be kept; the next call makes up for it.
        """
        uptime, wall = clock.uptime_us(), clock.now_us()
        passed = uptime - self._uptime_us
        jump = wall - self._wall_us - passed
        if abs(jump) > _SET_US:
            _log.warning(
                "the clock was set; readings age by the time that passes", action="age", by_s=jump // 1_000_000
            )
        with transaction(self._connection) as connection:
            set_meta(connection, "age_us", self._age_us + passed)
            set_meta(connection, "age_wall_us", wall)
        self._age_us, self._uptime_us, self._wall_us = self._age_us + passed, uptime, wall
        return self._age_us
