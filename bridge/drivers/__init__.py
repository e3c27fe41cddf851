"""Drivers, one package a protocol; each imported only when a site asks for it."""

from __future__ import annotations

from collections.abc import Collection

from bridge.driver import Driver, Series
from bridge.vault import Secrets
from core.contracts.site import SiteFile


def drivers_for(site: SiteFile, secrets: Secrets) -> list[Driver]:
    """A driver for each endpoint of a site, each with the machines behind it; in the order of `by_endpoint`.

    Args:
        site: the whole site.
        secrets: vault that holds what its devices want to know.

    Raises:
        InputError: an endpoint, an address or a secret is missing or malformed.
    """
    return [driver_for(one, secrets) for one in site.measured().by_endpoint()]


def driver_for(site: SiteFile, secrets: Secrets, writable: Collection[Series] = ()) -> Driver:
    """The driver of a site's own endpoint that its protocol names, its configuration checked and complete.

    Args:
        site: with one endpoint.
        secrets: vault that holds what its device wants to know.
        writable: signals that may be written through it.

    Raises:
        InputError: endpoint or addresses are missing or malformed.
    """
    if site.protocol == "modbus":
        from bridge.drivers.modbus.driver import ModbusDriver

        return ModbusDriver.of_site(site, writable)
    from bridge.drivers.opcua.driver import OpcuaDriver

    return OpcuaDriver.of_site(site, writable, secrets=secrets)
