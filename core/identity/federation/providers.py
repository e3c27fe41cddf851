"""The identity providers of a tenant."""

from __future__ import annotations

import hashlib
import re
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from core.audit import Actor
from core.db import TenantScope, Transaction
from core.db.errors import ConflictError
from core.db.queries import load_queries
from core.errors import InputError, NotFoundError
from core.identity.federation.errors import ProviderFaultError
from core.identity.members import roles_of
from core.tenancy import Tenancy
from core.vault import Secret
from core.vault.vault import Vault

_SQL = load_queries("core.identity.federation")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,38}[a-z0-9]")
_DOMAIN = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")
_SIGN_IN = Actor.service("sign-in")
Kind = Literal["oidc", "saml"]


@dataclass(frozen=True, slots=True)
class Provider:
    """One way into a tenant.

    Attributes:
        name: stands in addresses, unique in the tenant.
        label: what people read on the page.
        kind: which protocol it speaks.
        issuer: OpenID issuer, or SAML entity id.
        client_id: what an OpenID provider calls us; None for SAML.
        metadata_url: where a SAML provider's metadata is, if it is read anew now and then.
        metadata: a SAML provider's metadata, if it was given as a file.
        domains: domains of addresses that are accepted; empty accepts all.
        trusts_email: the tenant answers for the addresses the provider sends, verified or not.
        just_in_time_role: role a stranger is admitted with; None admits no strangers.
        enabled: false shuts the door and keeps what is known.
        has_secret: the tenant's vault keeps a secret of ours for it.
        role_claim: claim or attribute that gives roles; None leaves roles to the tenant's administrators.
        roles: pairs of one of its words and the role that it gives.
    """

    id: UUID
    name: str
    label: str
    kind: Kind
    issuer: str
    client_id: str | None
    metadata_url: str | None
    metadata: str | None
    domains: tuple[str, ...]
    trusts_email: bool
    just_in_time_role: str | None
    enabled: bool
    has_secret: bool
    role_claim: str | None = None
    roles: tuple[tuple[str, str], ...] = ()

    @property
    def secret_name(self) -> str:
        """Under which name the tenant's vault keeps the client's secret."""
        return f"identity-providers/{self.id}"


@dataclass(frozen=True, slots=True)
class NewProvider:
    """What somebody who adds a provider says; see `Provider`."""

    name: str
    label: str
    kind: Kind
    issuer: str
    client_id: str | None = None
    metadata_url: str | None = None
    metadata: str | None = None
    domains: tuple[str, ...] = ()
    trusts_email: bool = False
    just_in_time_role: str | None = None
    role_claim: str | None = None
    roles: tuple[tuple[str, str], ...] = ()

    def checked(self) -> NewProvider:
        """The same with domains in lower case.

        Raises:
            InputError: a name or domain that is none, or parts that belong together and are not.
        """
        if not _NAME.fullmatch(self.name):
            raise InputError(
                "not a provider's name", expected="2 to 40 of a-z, 0-9 and -, a letter first", received=self.name
            )
        if not self.label.strip():
            raise InputError("a provider needs a label", where=self.name)
        self._check_parts()
        domains = tuple(domain.lower().removeprefix("@") for domain in self.domains)
        for domain in domains:
            if not _DOMAIN.fullmatch(domain):
                raise InputError("not a domain of e-mail addresses", expected="example.com", received=domain)
        return replace(self, domains=domains)

    def _check_parts(self) -> None:
        if self.kind == "oidc" and not self.client_id:
            raise InputError("an OpenID provider knows us by a client id", where=self.name)
        if self.kind == "saml" and (self.metadata is None) == (self.metadata_url is None):
            raise InputError("a SAML provider has metadata, as a file or at an address", where=self.name)
        if (self.role_claim is None) != (not self.roles):
            raise InputError("a claim for roles and what its words give go together", where=self.name)
        if not all(word and role for word, role in self.roles):
            raise InputError("a word of the provider gives a role", expected="WORD=ROLE", where=self.name)


class Providers:
    """Over the platform database, under row-level security."""

    def __init__(self, tenancy: Tenancy, vault: Vault) -> None:
        self._tenancy = tenancy
        self._vault = vault

    async def add(
        self, scope: TenantScope, new: NewProvider, secret: Secret | None = None, *, actor: Actor
    ) -> Provider:
        """Open one more way into a tenant.

        Args:
            scope: the tenant.
            new: the provider.
            secret: ours at the provider, kept in the tenant's vault; None for a public client and for SAML.
            actor: who adds it.

        Raises:
            InputError: the name is taken or is none, no such role, or not a domain.
        """
        new = new.checked()
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            roles = await _role_ids(transaction, scope, new)
            strangers = roles[new.just_in_time_role] if new.just_in_time_role else None
            values = (new.name, new.label.strip(), new.kind, new.issuer, new.client_id, new.metadata_url, new.metadata)
            try:
                provider_id = await transaction.fetchval(
                    _SQL["add_provider"],
                    scope.id,
                    *values,
                    list(new.domains),
                    new.trusts_email,
                    strangers,
                    secret is not None,
                    new.role_claim,
                )
            except ConflictError as error:
                raise InputError("the tenant has a provider of this name", received=new.name) from error
            for word, role in sorted(set(new.roles)):
                await transaction.execute(_SQL["add_role"], scope.id, provider_id, word, roles[role])
            after = {name: value for name, value in asdict(new).items() if name not in ("name", "metadata")}
            self._tenancy.audit.note(transaction, scope, actor, "identity_provider.add", new.name, after=after)
        added = await self.get(scope, new.name)
        if secret is not None:
            vault = self._vault.of(scope, actor)
            await vault.put(added.secret_name, secret, purpose=f"identity provider {added.name}")
        return added

    async def secret(self, scope: TenantScope, provider: Provider) -> Secret | None:
        """What a provider knows us by; None if it asks for nothing.

        Raises:
            ProviderFaultError: it was never kept, or is gone.
        """
        if not provider.has_secret:
            return None
        vault = self._vault.of(scope, _SIGN_IN)
        try:
            return await vault.get(provider.secret_name, purpose=f"sign-in through {provider.name}")
        except NotFoundError as error:
            raise ProviderFaultError("the client's secret is not in the vault", where=provider.name) from error

    async def list(self, scope: TenantScope) -> list[Provider]:
        """A tenant's providers, by name; closed ones too."""
        async with self._tenancy.platform.transaction(scope.id, readonly=True) as transaction:
            return [_provider(row) for row in await transaction.fetch(_SQL["providers"], scope.id)]

    async def get(self, scope: TenantScope, name: str) -> Provider:
        """A tenant's provider by name.

        Raises:
            NotFoundError: the tenant has none of that name.
        """
        for provider in await self.list(scope):
            if provider.name == name:
                return provider
        raise NotFoundError("no such identity provider", received=name)

    async def set_enabled(self, scope: TenantScope, name: str, enabled: bool, *, actor: Actor) -> None:
        """Shut a door, or open it again.

        Raises:
            NotFoundError: the tenant has none of that name.
        """
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            before = await transaction.fetchval(_SQL["set_enabled"], scope.id, name, enabled)
            if before is None:
                raise NotFoundError("no such identity provider", received=name)
            audit = self._tenancy.audit
            audit.note(transaction, scope, actor, "identity_provider.set_enabled", name, before, enabled)

    async def remove(self, scope: TenantScope, name: str, *, actor: Actor) -> None:
        """Close a way into a tenant and forget whom it stood for.

        Raises:
            NotFoundError: the tenant has none of that name.
        """
        provider = await self.get(scope, name)
        if provider.has_secret:
            await self._vault.of(scope, actor).purge(provider.secret_name, purpose="the provider is removed", keep=0)
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            if await transaction.fetchval(_SQL["remove_provider"], scope.id, name) is None:
                raise NotFoundError("no such identity provider", received=name)
            # A later provider of this name may call somebody else by the same subject.
            await transaction.execute(_SQL["forget_people"], scope.id, name)
            before = {key: value for key, value in asdict(provider).items() if key not in ("id", "name", "metadata")}
            self._tenancy.audit.note(transaction, scope, actor, "identity_provider.remove", name, before)

    async def use_up(self, scope: TenantScope, provider: Provider, word: str, until: int) -> bool:
        """Use a word that is good once: true the first time, false ever after.

        Args:
            scope: the provider's tenant.
            provider: whose word.
            word: id of a ticket or of an assertion.
            until: Unix time after which it is refused for its age anyway.
        """
        digest = hashlib.sha256(word.encode()).digest()
        expires = datetime.fromtimestamp(until, UTC)
        async with self._tenancy.platform.transaction(scope.id) as transaction:
            await transaction.execute(_SQL["sweep"], scope.id)
            return await transaction.fetchval(_SQL["use_up"], scope.id, provider.id, digest, expires) is not None


async def _role_ids(transaction: Transaction, scope: TenantScope, new: NewProvider) -> dict[str, UUID]:
    """Ids of the roles a provider names, by code."""
    named = sorted({role for _, role in new.roles} | ({new.just_in_time_role} if new.just_in_time_role else set()))
    return dict(zip(named, (await roles_of(transaction, scope, named))[0], strict=True)) if named else {}


def _provider(row: dict[str, Any]) -> Provider:
    domains, pairs = tuple(row.pop("domains")), zip(row.pop("words"), row.pop("codes"), strict=True)
    return Provider(**row, domains=domains, roles=tuple(pairs))
