"""The way to a SAML provider and back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

from core.identity.federation.claimed import Claimed
from core.identity.federation.errors import ProviderFaultError, RefusedError
from core.identity.federation.fetch import Fetcher, Kept
from core.identity.federation.providers import Provider
from core.identity.federation.saml import metadata, request, response
from core.identity.federation.saml.metadata import Door, SamlProvider
from core.identity.federation.saml.response import Assertion
from core.identity.federation.ticket import Ticket

_KEPT_S = 600.0


@dataclass(frozen=True, slots=True)
class Asserted:
    """Who has come, and the assertion that says so, which is good once."""

    claimed: Claimed
    assertion_id: str
    until: datetime


class SamlFlow:
    """Sign-on begun by us; what nobody asked for is refused.

    Args:
        fetcher: the door to the provider.
        ask_again_s: a response that is refused makes us ask for the metadata again, but not more often than this.
    """

    def __init__(self, fetcher: Fetcher, ask_again_s: float = 10.0) -> None:
        self._fetcher = fetcher
        self._ask_again_s = ask_again_s
        self._kept: Kept[SamlProvider] = Kept(_KEPT_S)

    async def published(self, provider: Provider, *, newer_than_s: float | None = None) -> SamlProvider:
        """What a provider publishes about itself; an address is asked again every ten minutes, or for something newer.

        Raises:
            ProviderDownError: the address does not answer.
            ProviderFaultError: not usable metadata, or another provider's.
        """
        if provider.metadata_url is None:
            found = metadata.parse(provider.metadata or "", where=f"metadata of {provider.name}")
        else:
            found = await self.at(provider.metadata_url, newer_than_s=newer_than_s)
        if found.entity_id != provider.issuer:
            raise ProviderFaultError(
                "the metadata is another provider's", expected=provider.issuer, received=found.entity_id
            )
        return found

    async def at(self, url: str, *, newer_than_s: float | None = None) -> SamlProvider:
        """The provider whose metadata stands at an address.

        Raises:
            ProviderDownError: the address does not answer.
            ProviderFaultError: not usable metadata.
        """
        known = self._kept.get(url, newer_than_s=newer_than_s)
        if known is not None:
            return known
        answer = await self._fetcher.get(url)
        return self._kept.put(url, metadata.parse(answer.body, where=url))

    async def begin(self, provider: Provider, ticket: Ticket, door: Door) -> str:
        """Where the browser goes.

        Raises:
            ProviderDownError: the provider's metadata cannot be had.
            ProviderFaultError: it cannot be used.
        """
        return request.address(await self.published(provider), door, ticket.id, datetime.now(UTC))

    async def finish(self, provider: Provider, ticket: Ticket, door: Door, document: str) -> Asserted:
        """Who has come back.

        Args:
            provider: who must have sent them.
            ticket: what their browser carried; used up by the caller.
            door: where they came in.
            document: the form's `SAMLResponse`.

        Raises:
            RefusedError: the response is not the answer to this sign-in.
            ProviderDownError: the provider's metadata cannot be had.
            ProviderFaultError: it cannot be used.
        """
        published = await self.published(provider)
        try:
            found = await _read(document, published, door, ticket)
        except RefusedError:
            # The provider may sign with another key since.
            newer = await self.published(provider, newer_than_s=self._ask_again_s)
            if newer == published:
                raise
            found = await _read(document, newer, door, ticket)
        # SAML has no word for a verified address: the tenant answers for its provider's, or nobody does.
        words = found.attributes.get(provider.role_claim or "", ())
        claimed = Claimed(found.subject, found.email, found.name, provider.trusts_email, words)
        return Asserted(claimed, found.id, found.until)


async def _read(document: str, published: SamlProvider, door: Door, ticket: Ticket) -> Assertion:
    # Schema and signature take milliseconds of a core: outside of the event loop.
    return await asyncio.to_thread(response.read, document, provider=published, door=door, request_id=ticket.id)
