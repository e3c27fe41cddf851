"""The systemd unit of one bridge. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.contracts.site import SiteFile

_SERIAL = "modbus-rtu:///"


@dataclass(frozen=True, slots=True)
class Service:
    """Everything a unit says; paths are absolute.

    Attributes:
        name: of the unit, without `.service`.
        user: account it runs as, which owns nothing but `home` and the keys.
        prefix: where the versions are.
        vault_key_file: outside of `home`, so that a copy of it opens no secret.
        lines: serial lines it speaks on.
    """

    name: str
    user: str
    prefix: Path
    site_file: Path
    contract_file: Path
    home: Path
    gateway: str
    key_file: Path
    vault_key_file: Path
    lines: tuple[str, ...] = ()


def lines_of(site: SiteFile) -> tuple[str, ...]:
    """Serial lines of the machine itself that a site file names, `/dev/ttyUSB0`."""
    named = [one.endpoint or "" for one in site.measured().by_endpoint()]
    return tuple(f"/{one.removeprefix(_SERIAL)}" for one in named if one.startswith(_SERIAL))


def unit_of(service: Service) -> str:
    """The unit's text: started with the machine, again whenever it ends, and shut in as far as a bridge can be."""
    command = (
        *(str(service.prefix / "current" / "bin" / "platform"), "bridge", "run"),
        *("--site", str(service.site_file), "--contract", str(service.contract_file), "--home", str(service.home)),
        *("--gateway", service.gateway, "--key-file", str(service.key_file)),
    )
    devices = [f"DeviceAllow={quoted(line)} rw" for line in service.lines]
    shut = ["DevicePolicy=closed", *devices, "SupplementaryGroups=dialout"] if devices else ["PrivateDevices=yes"]
    key = quoted(f"GOLDLAYER_BRIDGE__VAULT_KEY_FILE={service.vault_key_file}")
    return "\n".join(
        (
            "[Unit]",
            f"Description=Goldlayer bridge {service.name}",
            "Wants=network-online.target",
            "After=network-online.target",
            "StartLimitIntervalSec=0",
            "",
            "[Service]",
            "Type=notify",
            f"User={service.user}",
            f"Environment={key}",
            f"ExecStart={' '.join(quoted(word) for word in command)}",
            "Restart=always",
            "RestartSec=5",
            "TimeoutStopSec=30",
            "UMask=0077",
            f"ReadWritePaths={quoted(str(service.home))}",
            *_SHUT_IN,
            *shut,
            "",
            "[Install]",
            "WantedBy=multi-user.target",
            "",
        )
    )


_SHUT_IN = (
    "ProtectSystem=strict",
    "ProtectHome=read-only",
    "PrivateTmp=yes",
    "NoNewPrivileges=yes",
    "CapabilityBoundingSet=",
    "AmbientCapabilities=",
    "ProtectClock=yes",
    "ProtectControlGroups=yes",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "LockPersonality=yes",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
)


def quoted(word: str) -> str:
    """One word as systemd reads it back: `%` and `$` would be expanded (systemd.service(5), command lines)."""
    plain = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{plain}"'
