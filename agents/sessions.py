"""Chat sessions: what was asked and answered, kept in the tenant's own database, seen only by the person who asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID, uuid4

from agents.conversation import Message
from core.errors import NotFoundError

SCHEMA = "agent"
_REMEMBERED = 10
"""Turns of a session a model is shown again."""

TABLES: dict[str, dict[str, Any]] = {
    "session": {
        "columns": {
            "id": {"type": "uuid", "primary_key": True},
            "person_id": {"type": "uuid", "indexed": True},
            "title": {"type": "string"},
            "started_at": {"type": "timestamp"},
        }
    },
    "turn": {
        "columns": {
            "id": {"type": "uuid", "primary_key": True},
            "session_id": {"type": "uuid", "indexed": True},
            "asked_at": {"type": "timestamp", "indexed": True},
            "question": {"type": "string"},
            "answer": {"type": "string"},
            "record": {"type": "json"},
        }
    },
}
"""Declarations as a manifest writes them."""


class Tables(Protocol):
    """The part of the tenant data connector that sessions use."""

    async def query(
        self, table: str, filters: Any = ..., *, order_by: str | Sequence[str] | None = ..., limit: int | None = ...
    ) -> list[dict[str, Any]]: ...
    async def insert(self, table: str, rows: Any) -> Any: ...


class Sessions:
    """One person's sessions in one tenant.

    Args:
        tables: connector of the tenant, schema `agent`.
        person_id: whose sessions these are.
    """

    def __init__(self, tables: Tables, person_id: UUID) -> None:
        self._tables = tables
        self._person_id = person_id

    async def open(self, session_id: UUID | None, question: str) -> UUID:
        """A session to talk in: the one named, or a new one.

        Raises:
            NotFoundError: this person has no such session.
        """
        if session_id is not None:
            found = await self._tables.query("session", {"id": session_id, "person_id": self._person_id})
            if not found:
                raise NotFoundError("no such session", received=str(session_id))
            return session_id
        new = uuid4()
        row = {"id": new, "person_id": self._person_id, "title": question[:120], "started_at": datetime.now(UTC)}
        await self._tables.insert("session", row)
        return new

    async def history(self, session_id: UUID) -> list[Message]:
        """The last turns as messages, oldest first."""
        turns = await self._tables.query(
            "turn", {"session_id": session_id}, order_by="asked_at desc", limit=_REMEMBERED
        )
        said: list[Message] = []
        for turn in reversed(turns):
            said += [Message("user", turn["question"]), Message("assistant", turn["answer"])]
        return said

    async def remember(self, session_id: UUID, question: str, answer: str, record: dict[str, Any]) -> None:
        """Keep one turn with everything the answer stood on."""
        row = {
            "id": uuid4(),
            "session_id": session_id,
            "asked_at": datetime.now(UTC),
            "question": question,
            "answer": answer,
            "record": record,
        }
        await self._tables.insert("turn", row)


class MemoryTables:
    """Sessions in memory, for tests and for a service without a tenant database."""

    def __init__(self) -> None:
        self._rows: dict[str, list[dict[str, Any]]] = {"session": [], "turn": []}

    async def query(
        self,
        table: str,
        filters: Any = None,
        *,
        order_by: str | Sequence[str] | None = None,
        limit: int | None = None,
    ) -> list[dict[str, Any]]:
        """Rows whose columns equal the filters; newest first if an order is asked for."""
        wanted: dict[str, Any] = filters or {}
        rows = [row for row in self._rows[table] if all(row[key] == value for key, value in wanted.items())]
        return (rows[::-1] if order_by else rows)[:limit]

    async def insert(self, table: str, rows: Any) -> Any:
        """Append one row."""
        self._rows[table].append(dict(rows))
        return rows
