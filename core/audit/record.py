"""One line of the log, as it is asked for and as it is read back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from core.audit.actor import Actor, ActorKind, Interface, origin_of
from core.audit.chain import FORMAT, as_text, storable

_AS_STORED = (
    "tenant_id", "seq", "at", "request_id", "action", "target", "before", "after", "outcome", "previous_mac", "mac",
)  # fmt: skip
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
        mac: keyed hash of the record, `previous_mac` that of the one before it in its chain.
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
    previous_mac: str
    mac: str

    @classmethod
    def of_row(cls, row: Mapping[str, Any]) -> AuditRecord:
        """From a row of the queries `newest` and `oldest`."""
        interface = Interface(row["interface"]) if row["interface"] else None
        return cls(actor=_actor(row), interface=interface, **{name: row[name] for name in _AS_STORED})

    def as_dict(self) -> dict[str, Any]:
        """Flat, as it is printed and exported; times in UTC."""
        return {
            "tenant_id": str(self.tenant_id) if self.tenant_id else None,
            "seq": self.seq,
            "at": self.at.astimezone(UTC).isoformat(),
            "actor_kind": str(self.actor.kind),
            "actor": self.actor.name,
            "acting_for": self.actor.acting_for,
            "interface": str(self.interface) if self.interface else None,
            **{name: getattr(self, name) for name in _AS_STORED[3:]},
        }


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
        "actor": storable(actor.name),
        "acting_for": storable(actor.acting_for) if actor.acting_for else None,
        "interface": str(origin.interface),
        "request_id": storable(request_id or origin.request_id),
        "action": storable(action),
        "target": storable(target),
        "before": as_text(before),
        "after": as_text(after),
        "outcome": storable(outcome),
    }
