"""Whether a provider could be signed in through right now, without anybody signing in."""

from __future__ import annotations

from dataclasses import dataclass

from core.identity.federation.errors import ProviderFaultError
from core.identity.federation.fetch import Fetcher
from core.identity.federation.oidc import discovery
from core.identity.federation.oidc.flow import OidcFlow
from core.identity.federation.oidc.id_token import SKEW_S, signing_keys
from core.identity.federation.providers import Provider
from core.identity.federation.saml.flow import SamlFlow
from core.identity.federation.saml.metadata import ends_of
from core.vault import Secret


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is as it must be."""

    what: str
    found: str


async def probe(provider: Provider, secret: Secret | None, redirect_uri: str) -> list[Finding]:
    """Ask a provider everything that a sign-in would.

    Args:
        provider: of a tenant.
        secret: the client's, None for a public client and for SAML.
        redirect_uri: where an OpenID provider would send people back to.

    Raises:
        ProviderDownError: it does not answer.
        ProviderFaultError: its answer cannot be used, it refuses our client, or the clocks disagree.
    """
    fetcher = Fetcher()
    try:
        if provider.kind == "oidc":
            return await _oidc(provider, fetcher, secret, redirect_uri)
        return await _saml(provider, fetcher)
    finally:
        await fetcher.close()


async def _oidc(provider: Provider, fetcher: Fetcher, secret: Secret | None, redirect_uri: str) -> list[Finding]:
    flow = OidcFlow(fetcher)
    published = await flow.published(provider.issuer)
    keys = signing_keys(await flow.keys(published.keys))
    if not keys:
        raise ProviderFaultError("the identity provider publishes no keys", where=published.keys)
    clock = await _clock(fetcher, discovery.document_url(provider.issuer))
    await flow.introduce(provider, secret, redirect_uri)
    return [
        Finding("issuer", published.issuer),
        Finding("signatures", ", ".join(published.algorithms)),
        Finding("keys", str(len(keys))),
        clock,
        Finding("client", "accepted" if secret else "accepted, without a secret"),
    ]


async def _saml(provider: Provider, fetcher: Fetcher) -> list[Finding]:
    published = await SamlFlow(fetcher).published(provider)
    ends = ", ".join(f"{end:%Y-%m-%d}" for end in ends_of(published.certificates))
    found = [Finding("entity id", published.entity_id), Finding("sign-on", published.sign_on)]
    found.append(Finding("certificates", f"{len(published.certificates)}, until {ends}"))
    return found if provider.metadata_url is None else [*found, await _clock(fetcher, provider.metadata_url)]


async def _clock(fetcher: Fetcher, url: str) -> Finding:
    ahead_s = (await fetcher.get(url)).ahead_s
    if ahead_s is None:
        return Finding("clock", "not told")
    if abs(ahead_s) > SKEW_S:
        raise ProviderFaultError(
            "the clocks of the identity provider and of this machine disagree",
            expected=f"within {SKEW_S} s",
            received=f"{ahead_s:+.0f} s",
            where=url,
            next_step="set both by NTP",
        )
    return Finding("clock", f"{ahead_s:+.0f} s")
