"""A site file as the driver needs it, checked and complete."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from bridge.driver import Series
from bridge.drivers.opcua.address import Address, parse_address
from bridge.drivers.opcua.decode import Decoder, Rule
from bridge.drivers.opcua.profiles import STANDARD, OpcuaProfile, profile_of
from bridge.drivers.opcua.security import Access, access_of
from bridge.scaling import scaling_of
from bridge.vault import Secrets
from core.contracts.addresses import opcua_node_id
from core.contracts.device import Deadband
from core.contracts.equipment import Signal
from core.contracts.site import SiteFile
from core.errors import InputError


@dataclass(frozen=True, slots=True)
class Plan:
    """Where to connect, as whom, to read what."""

    endpoint: str
    addresses: Mapping[Series, Address]
    rules: Mapping[Series, Rule] = field(default_factory=dict["Series", Rule])
    deadbands: Mapping[Series, Deadband] = field(default_factory=dict["Series", Deadband])
    profile: OpcuaProfile = STANDARD
    access: Access = field(default_factory=Access)

    def decoder(self) -> Decoder:
        """Of the values of this plan's signals."""
        return Decoder(self.rules)


def plan_site(site: SiteFile, secrets: Secrets) -> Plan:
    """The plan of a site file.

    Raises:
        InputError: endpoint, an address, a profile, a file or a secret is missing, malformed or does not fit.
    """
    endpoint = _endpoint(site)
    profile = profile_of(site.opcua, site.site)
    addresses: dict[Series, Address] = {}
    rules: dict[Series, Rule] = {}
    deadbands: dict[Series, Deadband] = {}
    for unit in site.units():
        for signal in unit.signals:
            series = unit.id, signal.name
            addresses[series] = _address(site, unit.id, signal)
            rules[series] = Rule(scaling_of(signal), signal.element)
            if signal.deadband is not None:
                deadbands[series] = signal.deadband
    if deadbands and not profile.filters:
        raise InputError(
            "this kind of server takes no deadband",
            received=".".join(next(iter(deadbands))),
            where=f"{site.site}, opcua.profile {site.opcua.profile if site.opcua else 'standard'}",
            next_step="leave the deadband to the contract",
        )
    if profile.max_items is not None and len(addresses) > profile.max_items:
        raise InputError(
            "more signals than this kind of server monitors",
            expected=f"at most {profile.max_items}",
            received=len(addresses),
            where=f"{site.site}, opcua.profile",
        )
    return Plan(endpoint, addresses, rules, deadbands, profile, access_of(site.opcua, endpoint, site.site, secrets))


def _endpoint(site: SiteFile) -> str:
    parts = urlsplit(site.endpoint or "")
    if parts.username or parts.password:
        raise InputError(
            "no user in the endpoint",
            expected="`opcua.user` and `opcua.password_secret`",
            where=f"{site.site}, endpoint",
            next_step="correct the site file",
        )
    if parts.scheme != "opc.tcp" or not parts.hostname:
        raise InputError(
            "endpoint cannot be read", expected="opc.tcp://HOST:PORT[/PATH]", received=site.endpoint, where=site.site
        )
    return site.endpoint or ""


def _address(site: SiteFile, equipment_id: str, signal: Signal) -> Address:
    where = f"{site.site}, {equipment_id}.{signal.name}"
    if signal.address is None and site.recording is None:
        raise InputError(
            "signal has no address",
            expected="an `address`, or a `recording` to derive it from",
            where=where,
            next_step="add `address` in the site file",
        )
    return parse_address(signal.address or opcua_node_id(equipment_id, signal.name), where=where)
