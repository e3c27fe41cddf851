"""Drivers, one package a protocol; each imported only when a site asks for it."""

from __future__ import annotations

from bridge.driver import Driver
from core.contracts.site import SiteFile


def drivers_for(site: SiteFile) -> list[Driver]:
    """A driver for each endpoint of a site, each with the machines behind it.

    Raises:
        InputError: an endpoint or an address is missing or malformed.
    """
    return [driver_for(one) for one in site.by_endpoint()]


def driver_for(site: SiteFile) -> Driver:
    """The driver of a site's own endpoint that its protocol names, its configuration checked and complete.

    Raises:
        InputError: endpoint or addresses are missing or malformed.
    """
    if site.protocol == "modbus":
        from bridge.drivers.modbus.driver import ModbusDriver

        return ModbusDriver.of_site(site)
    from bridge.drivers.opcua.driver import OpcuaDriver

    return OpcuaDriver.of_site(site)
