"""A browser between the service and a real Keycloak; two tenants that trust the same realm."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from agents.api.app import create_app
from agents.api.services import Services
from core.audit import Actor
from core.db import TenantScope
from core.identity import IdentityService
from core.identity.federation.providers import NewProvider, Providers
from core.identity.federation.service import Federation
from core.tenancy import Tenancy
from core.vault import Secret
from core.vault.vault import Vault

if TYPE_CHECKING:
    from tests.conftest import Installation

PUBLIC = "https://goldlayer.example"
AUTH = f"{PUBLIC}/api/v1/auth"
TENANTS = ("sso-north", "sso-south")
TESTER = Actor.command("test")
PASSWORD = "the same password for all"
SECRET = "known to both sides"


@dataclass(frozen=True)
class House:
    """The service over a real installation."""

    app: Any
    tenancy: Tenancy
    identity: IdentityService
    providers: Providers
    federation: Federation
    issuer: str
    scopes: dict[str, TenantScope]

    async def add(self, slug: str, name: str, **more: Any) -> None:
        """Give a tenant a provider anew: OpenID unless `kind` says otherwise."""
        scope = self.scopes[slug]
        kind = more.pop("kind", "oidc")
        secret = more.pop("secret", SECRET if kind == "oidc" else None)
        if name in [provider.name for provider in await self.providers.list(scope)]:
            await self.providers.remove(scope, name, actor=TESTER)
        if kind == "oidc":
            more.setdefault("client_id", "goldlayer")
        elif "metadata" not in more:
            more.setdefault("metadata_url", f"{self.issuer}/protocol/saml/descriptor")
        new = NewProvider(name, "Corporate sign-in", kind, more.pop("issuer", self.issuer), **more)
        await self.providers.add(scope, new, Secret(secret) if secret else None, actor=TESTER)

    async def member(self, slug: str, email: str) -> Any:
        """A member of a tenant without a password."""
        return await self.identity.members.add(self.scopes[slug], email, email, None, "viewer", actor=TESTER)

    async def members(self, slug: str) -> list[str]:
        """Addresses of a tenant's members."""
        return [member.email for member in await self.identity.people(self.scopes[slug])]

    async def denied_because(self, slug: str) -> str:
        """The reason of the newest record, which is a refusal."""
        record = (await self.tenancy.audit.newest(self.scopes[slug], 1))[0]
        assert (record.action, record.outcome) == ("person.sign_in", "denied")
        return record.after["reason"]


class _Here(httpx.AsyncHTTPTransport):
    """Browsers count this machine as safe: they keep cookies marked `Secure` and send them back without TLS too."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        plain = [
            (name, value.replace(b";Secure", b"").replace(b"; Secure", b"")) for name, value in response.headers.raw
        ]
        response.headers = httpx.Headers(plain)
        return response


class Browser:
    """Keeps cookies, follows nobody unasked, and knows how to fill in Keycloak's form."""

    def __init__(self, app: Any) -> None:
        mounts = {PUBLIC: httpx.ASGITransport(app)}
        self.client = httpx.AsyncClient(transport=_Here(), mounts=mounts, trust_env=False, timeout=60)

    async def go(self, url: str) -> httpx.Response:
        """Open an address."""
        return await self.client.get(url)

    async def log_in(self, start: str, user: str) -> httpx.Response:
        """From a door to the provider, through its form, up to the answer that sends the browser back."""
        away = await self.go(start)
        assert away.status_code == 303, away.text
        page = await self.go(away.headers["location"])
        assert page.status_code == 200, page.text
        found = re.search(r'<form[^>]* action="([^"]+)"', page.text)
        assert found, page.text
        form = {"username": user, "password": PASSWORD, "credentialId": ""}
        return await self.client.post(html.unescape(found[1]), data=form)

    async def oidc(self, slug: str, provider: str, user: str, to: str = "/") -> str:
        """The address the provider sends the browser back to."""
        answer = await self.log_in(f"{AUTH}/{slug}/oidc/{provider}/start?to={to}", user)
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    async def saml(self, slug: str, provider: str, user: str, to: str = "/") -> tuple[str, str]:
        """Where the provider's page posts, and the response it posts."""
        answer = await self.log_in(f"{AUTH}/{slug}/saml/{provider}/start?to={to}", user)
        assert answer.status_code == 200, answer.text
        action = re.search(r'action="([^"]+)"', answer.text, re.IGNORECASE)
        response = re.search(r'name="SAMLResponse" value="([^"]+)"', answer.text, re.IGNORECASE)
        assert action and response, answer.text
        return html.unescape(action[1]), html.unescape(response[1])

    async def post(self, url: str, response: str) -> httpx.Response:
        """What the provider's page does."""
        return await self.client.post(url, data={"SAMLResponse": response, "RelayState": "https://evil.example/"})

    async def me(self) -> dict[str, Any]:
        """Who the service thinks is here, by the session alone."""
        renewed = await self.client.post(f"{AUTH}/refresh", json={})
        assert renewed.status_code == 200, renewed.text
        bearer = {"authorization": f"Bearer {renewed.json()['token']}"}
        return (await self.client.get(f"{PUBLIC}/api/v1/me", headers=bearer)).json()


@pytest.fixture
async def house(keycloak: str, tenancy: Tenancy, prepared: Installation) -> AsyncIterator[House]:
    identity = IdentityService(tenancy, prepared.run, prepared.settings)
    vault = Vault.over(tenancy.platform, prepared.run, prepared.settings, tenancy.audit)
    providers = Providers(tenancy, vault)
    federation = Federation(tenancy, identity, providers, prepared.run, PUBLIC)
    services = Services(identity, identity, federation, None, None, None, None)  # pyright: ignore[reportArgumentType]
    scopes = {slug: await tenancy.create(slug, slug.title(), actor=TESTER) for slug in TENANTS}
    app = create_app(lambda: nullcontext(services), [])
    async with app.router.lifespan_context(app):
        yield House(app, tenancy, identity, providers, federation, keycloak, scopes)
    await federation.close()


@pytest.fixture
async def browser(house: House) -> AsyncIterator[Browser]:
    opened = Browser(house.app)
    yield opened
    await opened.client.aclose()
