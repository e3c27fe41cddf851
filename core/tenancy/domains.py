"""E-mail domains that lead to a tenant's sign-in."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from core.audit import Actor, Audit
from core.db import Database, TenantScope
from core.db.errors import ConflictError
from core.db.queries import load_queries
from core.errors import InputError, NotFoundError

_SQL = load_queries("core.tenancy", "domains.sql")
_DOMAIN = re.compile(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]*[a-z][a-z0-9-]*")


@cache
def public_domains() -> frozenset[str]:
    """Domains of mail services that anybody can get an address at."""
    lines = files("core.tenancy").joinpath("public_domains.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def domain_of(text: str) -> str:
    """A domain as it is kept: lower case, in ASCII (IDNA).

    Args:
        text: a domain, or an e-mail address.

    Raises:
        InputError: it is none.
    """
    written = text.strip().rpartition("@")[2].rstrip(".").lower()
    try:
        domain = written.encode("idna").decode("ascii")
    except UnicodeError:
        domain = ""
    if not _DOMAIN.fullmatch(domain):
        raise InputError("not an e-mail domain", expected="like example.com", received=text)
    return domain


class Domains:
    """Which domain leads to which tenant."""

    def __init__(self, platform: Database, audit: Audit) -> None:
        self._platform = platform
        self._audit = audit

    async def add(self, scope: TenantScope, text: str, *, actor: Actor) -> str:
        """Lead a domain to a tenant; repeating it changes nothing. Returns the domain as it is kept.

        Raises:
            InputError: not a domain, one that anybody has addresses at, or one that leads to another tenant.
        """
        domain = domain_of(text)
        if domain in public_domains():
            raise InputError(
                "this domain is shared by people of many companies", expected="a company's own", received=domain
            )
        if domain in await self.of(scope):
            return domain
        try:
            async with self._platform.transaction(scope.id) as transaction:
                await transaction.execute(_SQL["add_domain"], domain, scope.id)
                self._audit.note(transaction, scope, actor, "tenant.add_domain", domain)
        except ConflictError as error:
            raise InputError("this domain leads to another tenant", received=domain) from error
        return domain

    async def remove(self, scope: TenantScope, text: str, *, actor: Actor) -> str:
        """Lead a domain nowhere.

        Raises:
            NotFoundError: it does not lead to this tenant.
        """
        domain = domain_of(text)
        async with self._platform.transaction(scope.id) as transaction:
            if await transaction.fetchval(_SQL["remove_domain"], domain, scope.id) is None:
                raise NotFoundError("this domain does not lead to the tenant", received=domain, where=scope.slug)
            self._audit.note(transaction, scope, actor, "tenant.remove_domain", domain)
        return domain

    async def of(self, scope: TenantScope) -> list[str]:
        """A tenant's domains, sorted."""
        async with self._platform.transaction(scope.id, readonly=True) as transaction:
            return [row["domain"] for row in await transaction.fetch(_SQL["domains"])]

    async def tenant_of(self, email: str) -> str | None:
        """Slug of the tenant at whose sign-in somebody with this address belongs; None if the address tells nothing.

        Asked by sign-in before anything is known of a person, so it answers the same for any address of a domain.
        """
        try:
            domain = domain_of(email)
        except InputError:
            return None
        return await self._platform.fetchval(_SQL["tenant_of_domain"], domain)
