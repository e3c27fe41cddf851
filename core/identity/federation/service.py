"""Sign-in through a tenant's identity provider, from the door to the session."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from core.audit import Actor
from core.db import TenantScope
from core.errors import DeniedError, InputError, NotFoundError
from core.identity.external import ExternalIdentity
from core.identity.federation.claimed import Claimed, checked
from core.identity.federation.errors import ProviderDownError, ProviderFaultError, RefusedError
from core.identity.federation.fetch import Fetcher, Kept, check_address
from core.identity.federation.oidc.flow import OidcFlow
from core.identity.federation.providers import Kind, Provider, Providers
from core.identity.federation.roles import claimed_roles
from core.identity.federation.saml import metadata
from core.identity.federation.saml.flow import SamlFlow
from core.identity.federation.saml.metadata import Door
from core.identity.federation.ticket import Ticket, TicketSeal
from core.identity.service import IdentityService
from core.identity.sessions import Client, SessionTokens
from core.run.folder import RunFolder
from core.tenancy import Tenancy
from core.tenancy.domains import domain_of

PREFIX = "/api/v1/auth"
"""Under which the doors are; what providers are told, so never changed."""
NO_TARGET = "/"
_SIGN_IN = Actor.service("sign-in")
_TOLD_AGAIN_S = 60.0


@dataclass(frozen=True, slots=True)
class Begun:
    """A sign-in under way: the browser goes to `url` with `cookie`."""

    url: str
    cookie: str


@dataclass(frozen=True, slots=True)
class Finished:
    """A sign-in that went well: the session, and the local path to go to."""

    tokens: SessionTokens
    target: str


class Federation:
    """The doors of all tenants' providers; lives in one event loop.

    The slug in an address is where somebody knocks. Whose session they get, the provider's row alone decides.

    Attributes:
        providers: a tenant's providers.
        oidc: the way of OpenID Connect.
        saml: the way of SAML.
    """

    def __init__(
        self, tenancy: Tenancy, identity: IdentityService, providers: Providers, run: RunFolder, public_url: str
    ) -> None:
        """Over an installation.

        Args:
            tenancy: the registry.
            identity: opens the sessions.
            providers: a tenant's providers.
            run: keeps the key of the tickets.
            public_url: where browsers and providers reach this service.
        """
        self._tenancy = tenancy
        self._identity = identity
        self._seal = TicketSeal(run)
        self._public_url = public_url.rstrip("/")
        self._fetcher = Fetcher()
        self._troubles: Kept[str] = Kept(_TOLD_AGAIN_S)
        self.providers = providers
        self.oidc = OidcFlow(self._fetcher)
        self.saml = SamlFlow(self._fetcher)

    @property
    def public_url(self) -> str:
        """Where browsers and providers reach this service, without a slash at its end."""
        return self._public_url

    @property
    def secure(self) -> bool:
        """Browsers reach the service by https, so that cookies need not travel otherwise."""
        return self._public_url.startswith("https:")

    async def close(self) -> None:
        """Close connections to providers."""
        await self._fetcher.close()

    async def offered(self, slug: str) -> list[Provider]:
        """The providers whose doors stand open; a tenant that does not exist has none."""
        try:
            found = await self._tenancy.get(slug)
            scope = await self._tenancy.active(found.id)
        except (NotFoundError, DeniedError, InputError):  # The last: signs that no slug can have.
            return []
        return [provider for provider in await self.providers.list(scope) if provider.enabled]

    async def leading(self, email: str) -> tuple[str, list[Provider]]:
        """Where somebody with this address signs in: a tenant's slug and its providers; no provider if nowhere.

        The domain alone decides, so nobody learns who is known. Providers that name the domain come before those that
        take every address.
        """
        slug = await self._tenancy.domains.tenant_of(email)
        if slug is None:
            return "", []
        domain, offered = domain_of(email), await self.offered(slug)
        named = [provider for provider in offered if domain in provider.domains]
        return slug, named or [provider for provider in offered if not provider.domains]

    async def begin(self, slug: str, kind: Kind, name: str, target: str = NO_TARGET) -> Begun:
        """Send somebody to a provider.

        Raises:
            NotFoundError: no such door, whatever the reason.
            InputError: the target is not a path of this service.
            ProviderDownError: the provider does not answer.
            ProviderFaultError: its answer cannot be used.
        """
        scope, provider = await self._at(slug, kind, name)
        ticket = Ticket.new(target)
        async with self._told(scope, provider):
            if kind == "oidc":
                url = await self.oidc.begin(provider, ticket, self.redirect_uri(slug, name))
            else:
                url = await self.saml.begin(provider, ticket, self.door(slug, name))
        return Begun(url, self._seal.seal(provider.id, ticket))

    async def finish_oidc(
        self, slug: str, name: str, cookie: str | None, query: Mapping[str, str], client: Client
    ) -> Finished:
        """Let in somebody who comes back from an OpenID provider.

        Args:
            slug: the door's tenant.
            name: the door's provider.
            cookie: the ticket.
            query: what the browser came back with.
            client: where from.

        Raises:
            NotFoundError: no such door.
            DeniedError: anything is wrong; says no more.
            ProviderDownError: the provider does not answer.
            ProviderFaultError: its answer cannot be used.
        """
        scope, provider = await self._at(slug, "oidc", name)
        async with self._redeemed(scope, provider, cookie) as ticket:
            secret = await self.providers.secret(scope, provider)
            claimed = await self.oidc.finish(provider, ticket, self.redirect_uri(slug, name), secret, query)
            external = _external(provider, claimed)
        return Finished(await self._let_in(scope, provider, external, client), ticket.target)

    async def finish_saml(self, slug: str, name: str, cookie: str | None, document: str, client: Client) -> Finished:
        """Let in somebody who comes back from a SAML provider.

        Args:
            slug: the door's tenant.
            name: the door's provider.
            cookie: the ticket.
            document: the form's `SAMLResponse`.
            client: where from.

        Raises:
            NotFoundError: no such door.
            DeniedError: anything is wrong; says no more.
            ProviderDownError: the provider's metadata cannot be had.
            ProviderFaultError: it cannot be used.
        """
        scope, provider = await self._at(slug, "saml", name)
        async with self._redeemed(scope, provider, cookie) as ticket:
            found = await self.saml.finish(provider, ticket, self.door(slug, name), document)
            until = int(found.until.timestamp()) + 1
            if not await self.providers.use_up(scope, provider, f"assertion {found.assertion_id}", until):
                raise RefusedError("the assertion was used before")
            external = _external(provider, found.claimed)
        return Finished(await self._let_in(scope, provider, external, client), ticket.target)

    async def saml_metadata(self, slug: str, name: str) -> str:
        """Our metadata, as one provider needs it.

        Raises:
            NotFoundError: no such door.
        """
        await self._at(slug, "saml", name)
        return metadata.of_door(self.door(slug, name))

    def redirect_uri(self, slug: str, name: str) -> str:
        """Where an OpenID provider sends people back to.

        Raises:
            ProviderFaultError: the service has no address that is safe for this.
        """
        return f"{self._base()}{PREFIX}/{slug}/oidc/{name}/callback"

    def door(self, slug: str, name: str) -> Door:
        """What a SAML provider knows us as.

        Raises:
            ProviderFaultError: the service has no address that is safe for this.
        """
        base = f"{self._base()}{PREFIX}/{slug}/saml/{name}"
        return Door(f"{base}/metadata", f"{base}/acs")

    def _base(self) -> str:
        try:
            check_address(self._public_url)
        except ProviderFaultError as error:
            raise ProviderFaultError(
                "identity providers cannot send people back to this service",
                expected="an https:// address",
                received=self._public_url,
                where="GOLDLAYER_AGENTS__PUBLIC_URL",
            ) from error
        return self._public_url

    async def _at(self, slug: str, kind: Kind, name: str) -> tuple[TenantScope, Provider]:
        for provider in await self.offered(slug):
            if (provider.kind, provider.name) == (kind, name):
                return await self._tenancy.get(slug), provider
        raise NotFoundError("no such way to sign in")

    @asynccontextmanager
    async def _told(self, scope: TenantScope, provider: Provider) -> AsyncGenerator[None]:
        """A provider's trouble stands in its tenant's log, once a minute and kind: anybody may knock at a door."""
        try:
            yield
        except (ProviderDownError, ProviderFaultError) as error:
            key = f"{provider.id} {error.what}"
            if self._troubles.get(key) is None:
                self._troubles.put(key, error.what)
                facts = {"reason": error.what, "received": str(error.received or "")[:300], "where": error.where}
                await self._tenancy.audit.record(
                    scope, _SIGN_IN, "identity_provider.fault", provider.name, None, facts, "failed"
                )
            raise

    @asynccontextmanager
    async def _redeemed(self, scope: TenantScope, provider: Provider, cookie: str | None) -> AsyncGenerator[Ticket]:
        """The ticket in a cookie, used up; what is refused inside is written down and said without its reason."""
        try:
            ticket = self._seal.open(provider.id, cookie)
        except RefusedError as error:
            # Nobody who did not begin here can fill the tenant's log.
            raise _refused() from error
        try:
            if not await self.providers.use_up(scope, provider, ticket.id, ticket.expires_at):
                raise RefusedError("the ticket was used before")
            async with self._told(scope, provider):
                yield ticket
        except RefusedError as error:
            facts = {"reason": error.what, "provider": provider.name}
            await self._tenancy.audit.record(scope, _SIGN_IN, "person.sign_in", provider.name, None, facts, "denied")
            raise _refused() from error

    async def _let_in(
        self, scope: TenantScope, provider: Provider, external: ExternalIdentity, client: Client
    ) -> SessionTokens:
        return await self._identity.sign_in_external(
            scope, external, client, just_in_time_role=provider.just_in_time_role
        )


def _external(provider: Provider, claimed: Claimed) -> ExternalIdentity:
    found = checked(claimed, provider.domains)
    roles = claimed_roles(found.words, provider.roles, provider.role_claim, provider.just_in_time_role)
    return ExternalIdentity(provider.name, found.subject, found.email, found.name, found.verified, roles)


def _refused() -> DeniedError:
    return DeniedError("sign-in is refused", next_step="try again, or ask an administrator of the tenant")
