"""Ways in by password: checking it, changing it, and setting a new one by a link."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

from core.audit import Actor
from core.db import TenantScope, Transaction
from core.db.queries import load_queries
from core.errors import DeniedError, NotFoundError
from core.identity.authority import Authority
from core.identity.identity import Identity
from core.identity.links import RESET, Link, Links, spent
from core.identity.members import MemberFacts, facts_of, require_ours_alone
from core.identity.passwords import check_strength, hash_password, is_outdated, is_right
from core.identity.standing import Standings
from core.settings import IdentitySettings
from core.tenancy import Tenancy

_SQL = load_queries("core.identity", "credentials.sql")
_MEMBERS = load_queries("core.identity", "members.sql")
ATTEMPTS = 5
"""Wrong passwords in a row that lock a person out."""
LOCKED_FOR = timedelta(minutes=15)
_CHANGED = "the password was changed"
_LINK = Actor.service("reset-link")


class Credentials:
    """Over the platform database, under row-level security."""

    def __init__(self, tenancy: Tenancy, standings: Standings, links: Links, settings: IdentitySettings) -> None:
        self._tenancy = tenancy
        self._standings = standings
        self._links = links
        self._reset = timedelta(minutes=settings.reset_minutes)

    async def check(self, scope: TenantScope | None, email: str, password: str) -> UUID:
        """The member whose password this is.

        Args:
            scope: the tenant; None takes as long and refuses.
            email: who they say they are.
            password: as typed.

        Raises:
            DeniedError: anything is wrong; says no more, and takes as long whatever it is. After `ATTEMPTS` wrong
                passwords in a row nothing is right for `LOCKED_FOR`.
        """
        row: dict[str, Any] | None = None
        if scope is not None:
            async with self._tenancy.platform.transaction(scope.id, readonly=True) as transaction:
                row = await transaction.fetchrow(_SQL["sign_in"], scope.id, email)
        right = await is_right(password, row["password_hash"] if row else None)
        if scope is None:
            raise refused()
        if row is None or not row["active"]:
            await self._denied(scope, email, "unknown" if row is None else "not a member who comes by password")
        elif row["locked"]:
            await self._denied(scope, email, "locked")
        elif not right:
            async with self._tenancy.platform.transaction(scope.id) as transaction:
                locked = await transaction.fetchval(_SQL["count_failure"], row["id"], ATTEMPTS, LOCKED_FOR)
            await self._denied(scope, email, "wrong password, now locked" if locked else "wrong password")
        else:
            await self._welcome(scope, row["id"], password, row["password_hash"])
            return row["id"]
        raise refused()

    async def _denied(self, scope: TenantScope, email: str, reason: str) -> None:
        claimed = email[:200]
        await self._tenancy.audit.record(
            scope, Actor.user(claimed), "person.sign_in", claimed, None, {"reason": reason}, "denied"
        )

    async def _welcome(self, scope: TenantScope, person_id: UUID, password: str, kept: str) -> None:
        renewed = await hash_password(password) if is_outdated(kept) else None
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            await transaction.execute(_SQL["clear_failures"], person_id)
            if renewed is not None:
                await transaction.execute(_SQL["store_hash"], person_id, renewed)

    async def check_everywhere(self, email: str, password: str) -> list[UUID]:
        """Who has this address and this password: one person, or several that tenants know apart.

        Raises:
            DeniedError: nobody; as `check`, which it is for everybody of that address if nobody's password is right.
        """
        known = await self._tenancy.platform.fetch(_MEMBERS["people_of_address"], email)
        right = [row["id"] for row in known if await is_right(password, row["password_hash"])]
        if not known:
            await is_right(password, None)  # takes as long
        homes = [await self.tenants_of(person) for person in right or [row["id"] for row in known]]
        doors = [home[0] for home in homes if home]
        told = await asyncio.gather(
            *(self.check(door, email, password) for door in doors or [None]), return_exceptions=True
        )
        found = [one for one in told if isinstance(one, UUID)]
        if not found:
            raise next(one for one in told if isinstance(one, BaseException))
        return found

    async def tenants_of(self, person_id: UUID) -> list[TenantScope]:
        """Active tenants that somebody's password opens, by name; for that person's own eyes."""
        rows = await self._tenancy.platform.fetch(_SQL["tenants_of_person"], person_id)
        return [await self._tenancy.active(row["id"]) for row in rows]

    async def change(self, identity: Identity, old: str, new: str) -> None:
        """A new password for whoever knows the old one; every other session of theirs ends, in all tenants.

        Raises:
            DeniedError: the old one is wrong, or they have none, or acted as a program.
            InputError: the new one is too weak.
        """
        scope, session = identity.tenant, identity.session
        check_strength(new, identity.email, identity.name, scope.name)
        person_id = await self.check(scope, identity.email, old)
        hashed = await hash_password(new)
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            member = await facts_of(transaction, scope, person_id)
            if not await transaction.fetchval(_SQL["change_password"], person_id, hashed, member.password_version):
                raise DeniedError("the password was changed a moment ago", next_step="try again with that one")
            await transaction.fetchval(_SQL["end_sessions"], person_id, _CHANGED, session)
            self._tenancy.audit.note(transaction, scope, identity.actor, "person.change_password", identity.email)
        self._standings.forget(scope.id)

    async def reset_link(self, scope: TenantScope, person_id: UUID, *, by: Authority) -> Link:
        """A link by which a member sets a new password; good once, and only until the password changes.

        Raises:
            NotFoundError: no such member.
            DeniedError: the member has more rights than whoever acts, or is known in other tenants too.
        """
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            member = await facts_of(transaction, scope, person_id)
            member.require_within(by)
            await require_ours_alone(transaction, scope, member, by)
            link = self._links.sign(
                RESET,
                self._reset,
                sub=person_id,
                tid=scope.id,
                ver=member.password_version,
                operator=by.operator,
            )
            after = {"expires_at": link.expires_at}
            self._tenancy.audit.note(transaction, scope, by.actor, "person.reset_link", member.email, None, after)
        return link

    async def look(self, token: str) -> tuple[TenantScope, str]:
        """In which tenant and for which address a link sets a password.

        Raises:
            DeniedError: it sets none; as `set_by_link`.
        """
        scope, said = await self._read(token)
        try:
            async with self._tenancy.platform.transaction(scope.id, readonly=True) as transaction:
                member, _ = await self._redeemable(transaction, scope, said)
        except (DeniedError, NotFoundError) as error:
            raise spent() from error
        return scope, member.email

    async def _read(self, token: str) -> tuple[TenantScope, dict[str, Any]]:
        said = self._links.read(RESET, token)
        try:
            return await self._tenancy.active(UUID(said["tid"])), said
        except DeniedError as error:
            raise spent() from error

    async def set_by_link(self, token: str, new: str) -> None:
        """A new password by a link; all sessions of the person end, in every tenant.

        Raises:
            DeniedError: the link is not ours, too old, used, or older than the password in force; says no more.
            InputError: the new password is too weak; the link stays good.
        """
        scope, said = await self._read(token)
        try:
            await self._redeem(scope, said, new)
        except (DeniedError, NotFoundError) as error:
            facts = {"reason": error.what}
            await self._tenancy.audit.record(scope, _LINK, "person.set_password", said["sub"], None, facts, "denied")
            raise spent() from error
        self._standings.forget(scope.id)

    async def _redeem(self, scope: TenantScope, said: dict[str, Any], new: str) -> None:
        hashed = await hash_password(new)
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            member, actor = await self._redeemable(transaction, scope, said)
            check_strength(new, member.email, member.name, scope.name)
            changed = (member.person_id, hashed, member.password_version)
            if not await transaction.fetchval(_SQL["change_password"], *changed):
                raise spent()
            await transaction.execute(_MEMBERS["open_to_password"], scope.id, member.person_id)
            await transaction.fetchval(_SQL["end_sessions"], member.person_id, _CHANGED, None)
            self._tenancy.audit.note(transaction, scope, actor, "person.set_password", member.email)

    async def _redeemable(
        self, transaction: Transaction, scope: TenantScope, said: dict[str, Any]
    ) -> tuple[MemberFacts, Actor]:
        """Whose password a link may still set, and as whom."""
        member = await facts_of(transaction, scope, UUID(said["sub"]))
        if not member.active or member.password_version != int(said["ver"]):
            raise spent()
        by = Authority(Actor.user(member.email), None, operator=bool(said["operator"]))
        # Asked again: since the link was made they may have become somebody's whom its maker may not be.
        await require_ours_alone(transaction, scope, member, by)
        return member, by.actor


def refused() -> DeniedError:
    """The one answer to every sign-in that fails."""
    return DeniedError("sign-in is refused", next_step="check tenant, e-mail address and password, or try again later")
