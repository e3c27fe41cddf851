"""Who acts in a tenant: a verified person in a session, or a program with a key."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from core.audit import Actor, ActorKind
from core.db import TenantScope
from core.errors import DeniedError

PASSWORD = "password"  # noqa: S105  the name of a method
"""How sessions that a password opened are marked."""
API_KEY = "api_key"
"""How programs with a key are marked."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A person or service principal acting in one tenant.

    Attributes:
        person_id: of a person, or of the service principal.
        email: address of a person; of a service principal its name.
        session_id: the session a person acts in; None for a program.
        method: how they came in: `password`, `external:<provider>` or `api_key`.
        admin: holds the administrator's role without a limit of scope.
    """

    person_id: UUID
    email: str
    name: str
    tenant: TenantScope
    permissions: frozenset[str]
    session_id: UUID | None
    method: str
    admin: bool

    @property
    def actor(self) -> Actor:
        """How the audit log names them."""
        return Actor(ActorKind.API_KEY if self.method == API_KEY else ActorKind.USER, self.email)

    @property
    def session(self) -> UUID:
        """The session a person acts in.

        Raises:
            DeniedError: a program has none.
        """
        if self.session_id is None:
            raise DeniedError("this is for people who have signed in, not for programs with a key")
        return self.session_id

    def require(self, permission: str) -> None:
        """Go on only with a permission.

        Raises:
            DeniedError: it is missing.
        """
        if permission not in self.permissions:
            raise DeniedError("permission is missing", expected=permission)
