"""How often strangers may try a door: at one account, from one address at one tenant's door, from one address in all.

An attempt is counted before it is looked at and given back if it was right, so that only failures count and guesses
that come at once count all. Nobody is looked up for it: an account that does not exist is limited like one that does.
What is refused for one tenant's sake is not counted for the address as a whole, so one tenant's noise, also behind an
address that many share, leaves the others their turn.
"""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress

from core.errors import DeniedError, GoldlayerError, InputError, NotFoundError, TooManyRequestsError
from core.identity.shared_rates import Bucket, SharedRates
from core.settings import IdentitySettings

_IPV6_NETWORK = 64
"""Bits of an IPv6 address that name whoever has it; the rest is theirs to choose."""


class Attempts:
    """Counted for all processes of the service."""

    def __init__(self, rates: SharedRates, settings: IdentitySettings) -> None:
        self._rates = rates
        self._at_account = settings.failures_per_account_minute
        self._at_tenant = settings.failures_per_address_and_tenant_minute
        self._from_address = settings.failures_per_address_minute

    @asynccontextmanager
    async def one(
        self, door: str, address: str, account: str | None, tenant: str | None = None
    ) -> AsyncGenerator[None]:
        """The block is one attempt; it counts unless it ends well, or by no fault of whoever tries.

        Args:
            door: where: sign-in, a link, a session's renewal.
            address: where from, as far as the door can tell.
            account: whose account or which token, as claimed; None where nothing says so before the look.
            tenant: whose door, as claimed; None where nothing says so before the look.

        Raises:
            TooManyRequestsError: there were too many failures; the same whatever exists.
        """
        buckets = self._buckets(door, address, account, tenant)
        taken = await self._rates.take(buckets)
        if not taken.granted:
            raise _too_many(taken.wait_s)
        try:
            yield
        except (DeniedError, InputError, NotFoundError):
            raise
        except GoldlayerError:
            with suppress(GoldlayerError):
                await self._rates.give_back(buckets)
            raise
        await self._rates.give_back(buckets)

    async def failed(self, door: str, address: str, account: str) -> None:
        """Count a failure that was not announced.

        Raises:
            TooManyRequestsError: there were too many.
        """
        taken = await self._rates.take(self._buckets(door, address, account, None))
        if not taken.granted:
            raise _too_many(taken.wait_s)

    def require_few(self, door: str, address: str, account: str) -> None:
        """Go on only if this process knows of no reason to wait.

        Raises:
            TooManyRequestsError: it does.
        """
        wait_s = self._rates.known_wait(self._buckets(door, address, account, None))
        if wait_s:
            raise _too_many(wait_s)

    def _buckets(self, door: str, address: str, account: str | None, tenant: str | None) -> Sequence[Bucket]:
        origin = network_of(address)
        buckets = [Bucket.of(door, "address", origin, per_minute=self._from_address)]
        if account is not None:
            whose = account.casefold() if tenant is not None else account
            buckets.append(Bucket.of(door, "account", tenant or "", whose, per_minute=self._at_account))
        if tenant is not None:
            buckets.append(Bucket.of(door, "tenant", origin, tenant, per_minute=self._at_tenant))
        return buckets


def network_of(address: str) -> str:
    """What stands for an address: itself, or the network of an IPv6 address."""
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if known.version == 4:
        return str(known)
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return str(ipaddress.ip_network((known, _IPV6_NETWORK), strict=False))


def _too_many(wait_s: float) -> TooManyRequestsError:
    return TooManyRequestsError("too many attempts", retry_after_s=wait_s)
