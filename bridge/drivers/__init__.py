"""Drivers, one package a protocol; each imported only when a site asks for it."""

from __future__ import annotations

from bridge.driver import Driver
from core.contracts.site import SiteFile


def driver_for(site: SiteFile) -> Driver:
    """The driver that a site's protocol names, its configuration checked and complete.

    Raises:
        InputError: endpoint or addresses are missing or malformed.
    """
    if site.protocol == "modbus":
        from bridge.drivers.modbus.driver import ModbusDriver

        return ModbusDriver.of_site(site)
    from bridge.drivers.opcua.driver import OpcuaDriver

    return OpcuaDriver.of_site(site)
