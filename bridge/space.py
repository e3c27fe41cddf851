"""How large the bridge's database is, and whether it may grow: a bridge that is full says so and stops reading."""

from __future__ import annotations

import sqlite3

_ROOM_AGAIN = 0.9
"""Share of the limit below which there is room again, so that it does not stop and go with every batch."""


class Limit:
    """A size that is full at its limit and has room again a tenth below."""

    def __init__(self, most: int) -> None:
        self._most, self.full = most, False

    def look(self, size: int) -> bool:
        """Take the size of now; true if it is full."""
        self.full = size >= (self._most * _ROOM_AGAIN if self.full else self._most)
        return self.full


def database_bytes(connection: sqlite3.Connection) -> int:
    """Bytes in use in the database: journal that is not yet sealed, outbox and all that is small."""
    pages, free, size = (
        int(connection.execute(f"pragma {name}").fetchone()[0])
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size
