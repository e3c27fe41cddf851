"""The door to the providers: every request is short, bounded and follows no redirect."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from urllib.parse import urlsplit

from core.identity.federation.errors import ProviderDownError, ProviderFaultError

if TYPE_CHECKING:
    import httpx

_MOST_BYTES = 1 << 20
_MOST_KEPT = 1_000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider said."""

    url: str
    status: int
    body: bytes
    ahead_s: float | None = None
    """How far its clock is before ours, in seconds; None if it does not tell."""

    def json(self) -> dict[str, Any]:
        """The body as a JSON object.

        Raises:
            ProviderFaultError: it is none.
        """
        try:
            found = json.loads(self.body)
        except ValueError as error:
            raise ProviderFaultError("the identity provider does not speak JSON", where=self.url) from error
        if not isinstance(found, dict):
            raise ProviderFaultError("the identity provider does not send a JSON object", where=self.url)
        return found


class Fetcher:
    """Over one HTTP client, opened at the first request.

    Args:
        connect_s: seconds a provider may take to pick up.
        whole_s: seconds until its answer is there as a whole; a browser is waiting.
    """

    def __init__(self, connect_s: float = 3.0, whole_s: float = 10.0) -> None:
        self._connect_s = connect_s
        self._whole_s = whole_s
        self._client: httpx.AsyncClient | None = None

    async def close(self) -> None:
        """Close connections."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        """What stands at an address.

        Raises:
            ProviderDownError: nobody answers in time, or with a server's error.
            ProviderFaultError: anything but 200, a certificate that is not trusted, or not an address to ask.
        """
        answer = await self._send("GET", url, headers=dict(headers or {}))
        if answer.status != 200:
            raise ProviderFaultError(
                "the identity provider refuses a request", received=f"HTTP {answer.status}", where=url
            )
        return answer

    async def post(self, url: str, form: Mapping[str, str], auth: tuple[str, str] | None) -> Answer:
        """The answer to a form, whatever its status below 500.

        Raises:
            ProviderDownError: nobody answers in time, or with a server's error.
            ProviderFaultError: a certificate that is not trusted, or not an address to ask.
        """
        return await self._send("POST", url, data=dict(form), auth=auth)

    async def _send(self, method: str, url: str, **request: Any) -> Answer:
        import httpx

        check_address(url)
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=httpx.Timeout(self._whole_s, connect=self._connect_s))
        try:
            async with asyncio.timeout(self._whole_s), self._client.stream(method, url, **request) as response:
                body = b""
                async for chunk in response.aiter_bytes():
                    body += chunk
                    if len(body) > _MOST_BYTES:
                        raise ProviderFaultError("the identity provider sends too much", where=url)
        except (httpx.TransportError, TimeoutError) as error:
            raise _unreached(error, url) from error
        except (httpx.InvalidURL, httpx.DecodingError) as error:
            raise ProviderFaultError("the identity provider cannot be read", received=str(error), where=url) from error
        if response.status_code >= 500:
            raise ProviderDownError(
                "the identity provider is out of order", received=f"HTTP {response.status_code}", where=url
            )
        return Answer(url, response.status_code, body, _ahead_s(response.headers.get("date")))


def _ahead_s(date: str | None) -> float | None:
    try:
        return parsedate_to_datetime(date).timestamp() - time.time() if date else None
    except ValueError:
        return None


def _unreached(error: Exception, url: str) -> ProviderDownError | ProviderFaultError:
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, ssl.SSLCertVerificationError):
            return ProviderFaultError(
                "the identity provider's certificate is not trusted",
                received=found.verify_message,
                where=url,
                next_step="renew it, or name the file with its authority in SSL_CERT_FILE",
            )
        found = found.__cause__ or found.__context__
    return ProviderDownError(
        "the identity provider does not answer", received=str(error) or type(error).__name__, where=url
    )


def check_address(url: str) -> None:
    """Go on only with an address whose answer nobody on the way can change.

    Raises:
        ProviderFaultError: not https, and not this machine.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise ProviderFaultError("not an address of an identity provider", received=url) from error
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and _is_here(host))):
        raise ProviderFaultError("not an address of an identity provider", expected="https://…", received=url)


def is_here(url: str) -> bool:
    """The address is one of this machine."""
    return _is_here(urlsplit(url).hostname or "")


def _is_here(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Kept(Generic[T]):
    """What providers published, by address, for a while.

    Args:
        lifetime_s: seconds after which it is asked for again.
    """

    def __init__(self, lifetime_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._lifetime_s = lifetime_s
        self._clock = clock
        self._kept: dict[str, tuple[float, T]] = {}

    def get(self, key: str, *, newer_than_s: float | None = None) -> T | None:
        """What is kept, unless it is older than its lifetime or than `newer_than_s`."""
        at, found = self._kept.get(key, (None, None))
        longest = self._lifetime_s if newer_than_s is None else newer_than_s
        return found if at is not None and self._clock() - at < longest else None

    def put(self, key: str, value: T) -> T:
        """Keep it, and give it back."""
        if len(self._kept) >= _MOST_KEPT:
            self._kept.clear()
        self._kept[key] = (self._clock(), value)
        return value
