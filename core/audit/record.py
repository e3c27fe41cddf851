"""One line of the log, as it is asked for and as it is read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from core.audit.actor import Actor, ActorKind, Interface, origin_of
from core.audit.chain import FORMAT, as_text

_KINDS_BEFORE = {"person": ActorKind.USER, **{str(kind): kind for kind in ActorKind}}


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One line of the log.

    Attributes:
        tenant_id: whose chain it stands in; None for the platform's own.
        seq: position in that chain, from 1.
        interface: the face it came in by; None in records older than this column.
        request_id: found in the service log and in the answer's correlation id too; None as above.
        outcome: `done`, `denied`, `failed` or a word of the action's own.
    """

    tenant_id: UUID | None
    seq: int
    at: datetime
    actor: Actor
    interface: Interface | None
    request_id: str | None
    action: str
    target: str
    before: Any
    after: Any
    outcome: str

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> AuditRecord:
        """From a row of the `records` queries."""
        names = ("tenant_id", "seq", "at", "request_id", "action", "target", "before", "after", "outcome")
        interface = Interface(row["interface"]) if row["interface"] else None
        return cls(actor=_actor(row), interface=interface, **{name: row[name] for name in names})


def _actor(row: Mapping[str, Any]) -> Actor:
    if row["actor_kind"] is not None:
        return Actor(ActorKind(row["actor_kind"]), row["actor"], row["acting_for"])
    kind, _, name = row["actor"].partition(":")
    return Actor(_KINDS_BEFORE.get(kind, ActorKind.COMMAND), name or kind)


def entry_of(
    actor: Actor, action: str, target: str, before: object, after: object, outcome: str, request_id: str | None
) -> dict[str, Any]:
    """What will be chained and stored, by column, in the order of `add`."""
    origin = origin_of(actor)
    return {
        "format": FORMAT,
        "actor_kind": str(actor.kind),
        "actor": actor.name,
        "acting_for": actor.acting_for,
        "interface": str(origin.interface),
        "request_id": request_id or origin.request_id,
        "action": action,
        "target": target,
        "before": as_text(before),
        "after": as_text(after),
        "outcome": outcome,
    }
