"""The way to an OpenID provider and back."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from core.identity.federation.claimed import Claimed
from core.identity.federation.errors import ProviderFaultError, RefusedError
from core.identity.federation.fetch import Answer, Fetcher, Kept
from core.identity.federation.oidc import discovery, id_token
from core.identity.federation.oidc.discovery import Published
from core.identity.federation.providers import Provider
from core.identity.federation.roles import words_of
from core.identity.federation.ticket import Ticket
from core.vault import Secret

_KEPT_S = 600.0
_SCOPE = "openid email profile"


class OidcFlow:
    """Authorization code flow with PKCE.

    Args:
        fetcher: the door to the provider.
        ask_again_s: a key nobody knows makes us ask for the keys again, but not more often than this.
    """

    def __init__(self, fetcher: Fetcher, ask_again_s: float = 10.0) -> None:
        self._fetcher = fetcher
        self._ask_again_s = ask_again_s
        self._published: Kept[Published] = Kept(_KEPT_S)
        self._keys: Kept[dict[str, Any]] = Kept(_KEPT_S)

    async def published(self, issuer: str) -> Published:
        """What an issuer publishes about itself; asked for again every ten minutes.

        Raises:
            ProviderDownError: it does not answer.
            ProviderFaultError: its answer cannot be used.
        """
        known = self._published.get(issuer)
        if known is not None:
            return known
        answer = await self._fetcher.get(discovery.document_url(issuer))
        return self._published.put(issuer, discovery.parse(issuer, answer.json()))

    async def keys(self, address: str, *, newer_than_s: float | None = None) -> dict[str, Any]:
        """The provider's key set, kept for a while.

        Raises:
            ProviderDownError: it does not answer.
            ProviderFaultError: its answer cannot be used.
        """
        known = self._keys.get(address, newer_than_s=newer_than_s)
        return known or self._keys.put(address, (await self._fetcher.get(address)).json())

    async def begin(self, provider: Provider, ticket: Ticket, redirect_uri: str) -> str:
        """Where the browser goes.

        Raises:
            ProviderDownError: the provider does not answer.
            ProviderFaultError: its answer cannot be used.
        """
        published = await self.published(provider.issuer)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(ticket.verifier.encode()).digest()).rstrip(b"=")
        query = {
            "response_type": "code",
            "client_id": provider.client_id,
            "redirect_uri": redirect_uri,
            "scope": _SCOPE,
            "state": ticket.id,
            "nonce": ticket.nonce,
            "code_challenge": challenge.decode(),
            "code_challenge_method": "S256",
        }
        joint = "&" if urlsplit(published.authorization).query else "?"
        return f"{published.authorization}{joint}{urlencode(query)}"

    async def finish(
        self, provider: Provider, ticket: Ticket, redirect_uri: str, secret: Secret | None, query: Mapping[str, str]
    ) -> Claimed:
        """Who has come back.

        Args:
            provider: who sent them.
            ticket: what their browser carried; used up by the caller.
            redirect_uri: as it was at the start.
            secret: the client's, None for a public client.
            query: parameters the browser came back with.

        Raises:
            RefusedError: state, code or token are not what this sign-in asked for.
            ProviderDownError: the provider does not answer.
            ProviderFaultError: its answer cannot be used, or it refuses our client.
        """
        published = await self.published(provider.issuer)
        code = _code(query, ticket, published)
        answer = await self._exchange(provider, published, ticket, redirect_uri, secret, code)
        tokens = _tokens(answer)
        claims = await self._claims(provider, published, ticket, tokens)
        verified = provider.trusts_email or claims.get("email_verified") in (True, "true")
        name = claims.get("name") or claims.get("preferred_username") or ""
        words = words_of(claims, provider.role_claim)
        return Claimed(str(claims["sub"]), str(claims.get("email") or ""), str(name), verified, words)

    async def introduce(self, provider: Provider, secret: Secret | None, redirect_uri: str) -> None:
        """See whether the provider knows our client, by a code that it never gave.

        Raises:
            ProviderDownError: it does not answer.
            ProviderFaultError: it does not know the client, or the secret is another.
        """
        published = await self.published(provider.issuer)
        answer = await self._exchange(provider, published, Ticket.new("/"), redirect_uri, secret, "no code")
        said = str(answer.json().get("error", f"HTTP {answer.status}"))[:100]
        if answer.status == 401 or said in ("invalid_client", "unauthorized_client"):
            raise ProviderFaultError(
                "the identity provider does not accept our client",
                received=said,
                where=answer.url,
                next_step="compare client id and secret with what the provider has",
            )

    async def _exchange(
        self,
        provider: Provider,
        published: Published,
        ticket: Ticket,
        redirect_uri: str,
        secret: Secret | None,
        code: str,
    ) -> Answer:
        client_id = provider.client_id or ""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": ticket.verifier,
        }
        if secret is None or published.secret_in_form:
            form["client_id"] = client_id
        if secret is not None and published.secret_in_form:
            form["client_secret"] = secret.reveal()
        basic = None if secret is None or published.secret_in_form else (_quoted(client_id), _quoted(secret.reveal()))
        return await self._fetcher.post(published.token, form, basic)

    async def _claims(
        self, provider: Provider, published: Published, ticket: Ticket, tokens: Mapping[str, Any]
    ) -> dict[str, Any]:
        token = str(tokens["id_token"])

        def read(keys: Mapping[str, Any]) -> dict[str, Any]:
            return id_token.read(
                token,
                keys,
                issuer=published.issuer,
                client_id=provider.client_id or "",
                nonce=ticket.nonce,
                algorithms=published.algorithms,
            )

        try:
            claims = read(await self.keys(published.keys))
        except id_token.UnknownKeyError:
            try:
                claims = read(await self.keys(published.keys, newer_than_s=self._ask_again_s))
            except id_token.UnknownKeyError as error:
                raise RefusedError(error.what) from error
        whole = claims.get("email") and (provider.role_claim is None or words_of(claims, provider.role_claim))
        if whole or published.userinfo is None or not tokens.get("access_token"):
            return claims
        bearer = {"authorization": f"Bearer {tokens['access_token']}"}
        more = (await self._fetcher.get(published.userinfo, bearer)).json()
        if more.get("sub") != claims["sub"]:
            raise RefusedError("the provider's claims are somebody else's")
        return {**more, **claims}


def _code(query: Mapping[str, str], ticket: Ticket, published: Published) -> str:
    """The code, from an answer to this very sign-in."""
    if not hmac.compare_digest(query.get("state", "").encode(), ticket.id.encode()):
        raise RefusedError("the answer belongs to another sign-in")
    issuer = query.get("iss")
    if issuer != published.issuer and (issuer is not None or published.tells_issuer):
        raise RefusedError("the answer is another issuer's")
    if "error" in query:
        raise RefusedError(f"the provider says {query['error'][:100]}")
    if not query.get("code"):
        raise RefusedError("the answer has no code")
    return query["code"]


def _tokens(answer: Answer) -> dict[str, Any]:
    tokens = answer.json()
    if answer.status == 200 and isinstance(tokens.get("id_token"), str):
        return tokens
    said = str(tokens.get("error", f"HTTP {answer.status}"))[:100]
    if said == "invalid_grant":  # The code was used, has expired, or belongs to another client or verifier.
        raise RefusedError("the provider does not accept the code")
    raise ProviderFaultError("the identity provider gives no ID token", received=said, where=answer.url)


def _quoted(text: str) -> str:
    # RFC 6749, 2.3.1: both parts are form-encoded before they go into the header.
    return urlencode({"": text})[1:]
