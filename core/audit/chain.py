"""The chain itself, pure: what a record's hash covers and where a chain breaks.

A plain hash can be recomputed by whoever may write the table; an HMAC needs the key, which lies outside the database.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

GENESIS = "0" * 64
"""What the first record of a chain follows."""
PLATFORM_CHAIN = UUID(int=0)
"""The chain of what belongs to no tenant."""
FORMAT = 2
"""What is written today."""
_BEFORE_ORIGINS = ("actor", "action", "target", "before", "after", "outcome")
_DEEPEST = 20
"""Levels of a payload that are kept apart; what lies deeper is one text."""
COVERED = ("actor_kind", "actor", "acting_for", "interface", "request_id", *_BEFORE_ORIGINS[1:])
"""Columns a record's hash covers beside its place: format, chain, position and time."""


def as_text(payload: object) -> str | None:
    """A payload as it is stored and hashed; None stays None.

    Dates and UUIDs are written as text, and so is whatever JSON or the database cannot hold: a record that could not
    be written for what strangers put into it would leave something done and unrecorded.
    """
    return None if payload is None else json.dumps(_plain(payload, _DEEPEST), sort_keys=True, ensure_ascii=False)


def storable(text: str) -> str:
    """A text as the database takes it: halves of characters and zero bytes are written as what they are called."""
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\x00")


def _plain(value: object, depth: int) -> object:
    if isinstance(value, bool | int | None):
        return value
    if depth and isinstance(value, Mapping):
        several = cast("Mapping[object, object]", value)
        return {storable(str(name)): _plain(one, depth - 1) for name, one in several.items()}
    if depth and isinstance(value, list | tuple):
        return [_plain(one, depth - 1) for one in cast("Sequence[object]", value)]
    return value if isinstance(value, float) and math.isfinite(value) else storable(str(value))


def mac_of(key: bytes, chain: UUID, seq: int, at: datetime, row: Mapping[str, Any], previous: str) -> str:
    """Hash of one record.

    Args:
        key: outside the database.
        chain: id of the tenant or `PLATFORM_CHAIN`, so that records cannot move between chains.
        seq: position, from 1, without holes.
        at: when, to the microsecond.
        row: `format` and the covered columns; `before` and `after` are texts of JSON or None.
        previous: hash of the record before, `GENESIS` for the first.
    """
    place = [str(chain), seq, at.astimezone(UTC).isoformat()]
    if row["format"] == 1:
        covered = [*place, *(row[name] for name in _BEFORE_ORIGINS), previous]
    else:
        covered = [row["format"], *place, *(row[name] for name in COVERED), previous]
    return hmac.new(key, json.dumps(covered, ensure_ascii=False).encode(), hashlib.sha256).hexdigest()


class Walk:
    """Follows a chain record by record; `fault` names the first broken link."""

    def __init__(self, key: bytes, chain: UUID) -> None:
        self._key = key
        self._chain = chain
        self.seq = 0
        self.mac = GENESIS
        self.fault: tuple[int, str] | None = None

    def take(self, rows: Iterable[Mapping[str, Any]], exported: Mapping[int, str]) -> bool:
        """Go on; False when the chain is broken.

        Args:
            rows: the next records in order.
            exported: hashes known outside the database, by position.
        """
        for row in rows:
            expected = self.seq + 1
            if row["seq"] != expected:
                return self._break(expected, "the record is missing")
            if row["previous_mac"] != self.mac:
                return self._break(expected, "the record does not follow the one before")
            mac = mac_of(self._key, self._chain, expected, row["at"], row, self.mac)
            if not hmac.compare_digest(mac, row["mac"]):
                return self._break(expected, "the record was changed")
            if not hmac.compare_digest(exported.get(expected, mac), mac):
                return self._break(expected, "the record is not the one that was exported")
            self.seq, self.mac = expected, mac
        return True

    def _break(self, seq: int, reason: str) -> bool:
        self.fault = (seq, reason)
        return False
