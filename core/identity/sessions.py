"""Sessions: opened at a door, renewed by refresh tokens that are good for one use, ended by whoever may."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from core.audit import Actor
from core.db import TenantScope, Transaction
from core.db.queries import load_queries
from core.errors import DeniedError, NotFoundError
from core.identity.standing import Standings
from core.identity.tokens import Claims, TokenKeys
from core.settings import IdentitySettings
from core.tenancy import Tenancy
from core.tenancy.roles import ADMIN_ROLE

_SQL = load_queries("core.identity", "sessions.sql")
_REUSED = "a refresh token came a second time"
_UNHEARD = "the answer before was not heard"


@dataclass(frozen=True, slots=True)
class Client:
    """Where a session is opened from, as far as the door can tell."""

    address: str = ""
    device: str = ""
    """What the browser or program calls itself."""


@dataclass(frozen=True, slots=True)
class SessionTokens:
    """What somebody who signed in goes away with."""

    session_id: UUID
    access: str = field(repr=False)
    """Signed, short-lived, for the `Authorization: Bearer` header."""
    refresh: str = field(repr=False)
    """Good for one renewal; the next one comes with it."""
    access_s: int
    """Seconds the access token lives."""
    expires_at: datetime
    """When the session ends whatever happens."""


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """An open session."""

    id: UUID
    person_id: UUID
    email: str
    method: str
    address: str
    device: str
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime


class Sessions:
    """Over the platform database, under row-level security."""

    def __init__(self, tenancy: Tenancy, keys: TokenKeys, standings: Standings, settings: IdentitySettings) -> None:
        self._tenancy = tenancy
        self._keys = keys
        self._standings = standings
        self._longest = timedelta(days=settings.session_days)
        self._idle = timedelta(hours=settings.session_idle_hours)
        self._grace = timedelta(seconds=settings.refresh_grace_s)

    async def open(self, scope: TenantScope, person_id: UUID, method: str, client: Client) -> SessionTokens:
        """A session for a member; the caller has made sure that it is them.

        Raises:
            DeniedError: not an active member.
        """
        refresh = new_refresh_token()
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            await transaction.execute(_SQL["sweep"], scope.id, person_id)
            row = await transaction.fetchrow(
                _SQL["open"], scope.id, person_id, method, client.address[:100], client.device[:200], self._longest
            )
            if row is None:
                raise DeniedError("sign-in is refused", next_step="ask an administrator of the tenant")
            version = await transaction.fetchval(_SQL["signed_in"], scope.id, person_id)
            await transaction.execute(_SQL["add_refresh"], hash_of(refresh), scope.id, row["id"], None)
            after = {"method": method, "session": row["id"], "address": client.address}
            actor = Actor.user(row["email"])
            self._tenancy.audit.note(transaction, scope, actor, "person.sign_in", row["email"], None, after)
        return self._tokens(scope, person_id, version, row, refresh)

    async def refresh(self, token: str, *, session_id: UUID | None = None) -> SessionTokens:
        """Fresh tokens for a refresh token, which is used up by this.

        Args:
            token: as `open` or an earlier call gave it.
            session_id: the session the caller means; a token of another one is refused and not used up.

        Raises:
            DeniedError: the token is not one, or its session has ended. A token that comes a second time was in two
                hands: its session is ended for both. Unless the answer to the first may have been lost: within the
                grace of the settings, and as long as nobody has used what that answer brought.
        """
        kept = hash_of(token)
        tenant_id = await self._tenancy.platform.fetchval(_SQL["tenant_of_token"], kept)
        if tenant_id is None:
            raise _over()
        scope = await self._tenancy.active(tenant_id)
        following = new_refresh_token()
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            row = await transaction.fetchrow(_SQL["take_refresh"], scope.id, kept, self._idle)
            if row is None or (session_id is not None and row["id"] != session_id):
                raise _over()
            stolen = await self._is_stolen(transaction, scope, kept, used=row["used"])
            if stolen:
                await transaction.execute(_SQL["end"], scope.id, row["person_id"], row["id"], _REUSED)
            elif not row["open"]:
                raise _over()
            else:
                await transaction.execute(_SQL["use_refresh"], scope.id, kept)
                await transaction.execute(_SQL["add_refresh"], hash_of(following), scope.id, row["id"], kept)
                await transaction.execute(_SQL["touch"], scope.id, row["id"])
                if row["used"]:
                    after = {"session": row["id"], "reason": _UNHEARD}
                    actor = Actor.user(row["email"])
                    self._tenancy.audit.note(transaction, scope, actor, "session.refresh", row["email"], None, after)
        if stolen:
            await self._tell_of_theft(scope, row, still_open=row["open"])
            raise _over()
        return self._tokens(scope, row["person_id"], row["role_version"], row, following)

    async def _is_stolen(self, transaction: Transaction, scope: TenantScope, kept: bytes, *, used: bool) -> bool:
        """Whether a token must have been in two hands; the session is locked."""
        family = await transaction.fetchrow(_SQL["family"], scope.id, kept, self._grace)
        if family is None or family["overtaken"]:
            return True
        return used and (family["followed"] or not family["just_used"])

    async def _tell_of_theft(self, scope: TenantScope, row: dict[str, Any], *, still_open: bool) -> None:
        self._standings.forget(scope.id)
        after = {"session": row["id"], "reason": _REUSED, "ended": still_open}
        await self._tenancy.audit.record(
            scope, Actor.user(row["email"]), "session.refresh", row["email"], None, after, "denied"
        )
        if not still_open:
            return  # Whoever it concerns was told when the session was ended.
        subject = "A session was ended for safety"
        message = f"A sign-in of {row['email']} was used from two places at once. Whoever it was has to sign in again."
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            await transaction.execute(_SQL["warn_person"], scope.id, row["person_id"], subject, message)
            await transaction.execute(_SQL["warn_admins"], scope.id, ADMIN_ROLE, subject, message)

    async def all(self, scope: TenantScope, person_id: UUID | None = None) -> list[SessionRecord]:
        """Open sessions of a tenant, or of one of its members."""
        async with self._tenancy.platform.transaction(scope.id, readonly=True) as transaction:
            rows = await transaction.fetch(_SQL["sessions_of"], scope.id, person_id, self._idle)
        return [SessionRecord(**row) for row in rows]

    async def end(
        self, scope: TenantScope, *, actor: Actor, person_id: UUID | None = None, session_id: UUID | None = None
    ) -> int:
        """End one session, or all of a member; their access tokens stop within seconds. Returns how many ended.

        Raises:
            NotFoundError: the session named is not open in this tenant, or not that person's.
        """
        if person_id is None and session_id is None:
            raise ValueError("a session or a person must be named")
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            ended = await transaction.fetch(_SQL["end"], scope.id, person_id, session_id, f"ended by {actor}")
            for row in ended:
                self._tenancy.audit.note(transaction, scope, actor, "session.end", row["email"], {"session": row["id"]})
        if session_id is not None and not ended:
            raise NotFoundError("no such session", received=str(session_id))
        self._standings.forget(scope.id)
        return len(ended)

    def _tokens(
        self, scope: TenantScope, person_id: UUID, version: int, row: dict[str, Any], refresh: str
    ) -> SessionTokens:
        claims = Claims(person_id, scope.id, scope.slug, version, row["id"])
        life = int(self._keys.lifetime.total_seconds())
        return SessionTokens(row["id"], self._keys.sign(claims), refresh, life, row["expires_at"])


def new_refresh_token() -> str:
    """256 random bits."""
    return f"glr_{secrets.token_urlsafe(32)}"


def hash_of(token: str) -> bytes:
    """What is kept of a refresh token; it cannot be guessed, so a plain SHA-256 is enough."""
    return hashlib.sha256(token.encode()).digest()


def _over() -> DeniedError:
    return DeniedError("the session has ended", next_step="sign in again")
