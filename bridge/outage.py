"""Times without a link: nothing is missing then, only late; the platform is told once it has all that had waited."""

from __future__ import annotations

import sqlite3

from bridge.store import get_meta, set_meta, transaction
from core import clock
from core.contracts.reading import ALL_OF_SITE, LINK_DOWN
from core.log import get_logger

_SINCE = "link_down_since"
_log = get_logger("bridge")


class Outage:
    """One time without a link at most, remembered across restarts; called by one thread at a time.

    It begins when a link breaks or cannot be made, and ends when everything that waited at the next link has been
    acknowledged: a link that breaks before that does not end it.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        found = get_meta(connection, _SINCE)
        self._since: int | None = int(found) if found else None
        self._stored = self._since
        self._waited: int | None = None
        """Newest batch that waited when the link came back; None without a link."""

    def lost(self) -> None:
        """There is no link.

        Raises:
            StoreError: a restart would forget it; call again.
        """
        self._waited = None
        self._since = clock.now_us() if self._since is None else self._since
        if self._stored is None:
            with transaction(self._connection) as connection:
                set_meta(connection, _SINCE, self._since)
            self._stored = self._since

    def back(self) -> None:
        """There is a link again.

        Raises:
            StoreError: as for `look`.
        """
        if self._since is not None:
            self._waited = self._connection.execute("select coalesce(max(id), 0) from outbox").fetchone()[0]
            self.look()

    def look(self) -> None:
        """End it if all that had waited is acknowledged.

        Raises:
            StoreError: it goes on; call again.
        """
        if self._since is None or self._waited is None:
            return
        if self._connection.execute("select 1 from outbox where id <= ? limit 1", (self._waited,)).fetchone():
            return
        now = clock.now_us()
        with transaction(self._connection) as connection:
            if now > self._since:  # a clock that was set back meanwhile cannot tell how long it was
                connection.execute(
                    "insert into gap_news (equipment_id, from_us, to_us, reason, state) values (?, ?, ?, ?, 'found')",
                    (ALL_OF_SITE, self._since, now, LINK_DOWN),
                )
            connection.execute("delete from meta where name = ?", (_SINCE,))
        _log.info("all that waited for the link has arrived", action="catch_up", seconds=(now - self._since) / 1e6)
        self._since = self._stored = self._waited = None
