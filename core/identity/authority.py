"""How far somebody's hand reaches who administers people, roles and keys."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from core.audit import Actor
from core.errors import DeniedError
from core.identity.identity import Identity


@dataclass(frozen=True, slots=True)
class Authority:
    """Nobody hands out, takes away or gets at what they do not have themselves.

    Attributes:
        actor: how the audit log names them.
        permissions: what they may hand out; None for an administrator, who may hand out everything of the tenant.
        operator: they run the installation: a person of several tenants is theirs to help, no tenant's.
    """

    actor: Actor
    permissions: frozenset[str] | None
    operator: bool = False

    @classmethod
    def of(cls, identity: Identity) -> Authority:
        """Of somebody who acts in a tenant."""
        return cls(identity.actor, None if identity.admin else identity.permissions)

    @classmethod
    def command(cls, name: str) -> Authority:
        """Of the operator at the command line."""
        return cls(Actor.command(name), None, operator=True)

    def require_reach(self, permissions: Iterable[str], *, admin: bool = False) -> None:
        """Go on only if these permissions are within reach.

        Args:
            permissions: of the role, key or person concerned.
            admin: the administrator's role is among them, which only its holders may touch.

        Raises:
            DeniedError: they are not; names the missing ones, which the caller could see in any case.
        """
        if self.permissions is None:
            return
        missing = sorted(set(permissions) - self.permissions)
        if missing or admin:
            raise DeniedError(
                "nobody can hand out, take away or act on what they do not have themselves",
                expected=", ".join(missing) or "the administrator's role",
            )
