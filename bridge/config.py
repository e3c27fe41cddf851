"""Everything a bridge needs to know, complete and checked before anything starts."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from core.contracts.data_contract import DataContract
from core.contracts.site import SiteFile
from core.errors import InputError
from core.settings import BridgeSettings


@dataclass(frozen=True, slots=True)
class BridgeConfig:
    """One bridge: its site, its contract, its home and its gateway.

    Raises:
        InputError: the gateway's address is malformed, or plain beyond loopback.
    """

    site: SiteFile
    contract: DataContract
    home: Path
    gateway: str
    key: SecretStr
    bridge_id: str
    settings: BridgeSettings
    contract_file: Path | None = None
    """Where the contract was read, to be read again when it changes; None if it comes from nowhere."""

    def __post_init__(self) -> None:
        """Refuse a gateway that the key must not be sent to."""
        check_gateway(self.gateway)


def check_gateway(url: str) -> None:
    """Plain `ws://` is for loopback only: the key and the data would travel in the clear.

    Raises:
        InputError: the address is malformed, or plain beyond loopback.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise InputError("gateway address cannot be read", expected="wss://HOST[:PORT][/PATH]", received=url)
    if parts.scheme == "ws" and not is_loopback(parts.hostname):
        raise InputError(
            "plain ws is for loopback only",
            expected="wss:// for every other host",
            received=url,
            where="--gateway",
            next_step="use wss://",
        )


def is_loopback(host: str) -> bool:
    """True for a name or address of this very machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def read_key(path: Path) -> SecretStr:
    """The bridge's key from its file.

    Raises:
        InputError: the file cannot be read or is empty.
    """
    try:
        key = path.read_text().strip()
    except OSError as error:
        raise InputError("key file cannot be read", received=error.strerror, where=str(path)) from error
    if not key:
        raise InputError("key file is empty", where=str(path), next_step="register the site again")
    return SecretStr(key)
