"""TLS at the gateway: its own certificate, and certificates of bridges where they are asked for."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterable
from typing import Any, cast

from core.errors import DeniedError, InputError
from core.identity import BridgeIdentity
from core.settings import GatewaySettings


def server_context(settings: GatewaySettings) -> ssl.SSLContext | None:
    """TLS if it is configured; plain sockets are for loopback only, keys and data would travel in the clear.

    Raises:
        InputError: a file cannot be used, or there is no certificate and the address is beyond loopback.
    """
    if settings.tls_certificate is None or settings.tls_key is None:
        _require_loopback(settings)
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise InputError(
            "TLS certificate cannot be used",
            received=str(error),
            where=str(settings.tls_certificate),
            next_step="correct GOLDLAYER_GATEWAY__TLS_CERTIFICATE and GOLDLAYER_GATEWAY__TLS_KEY",
        ) from error
    if settings.client_ca is not None:
        try:
            context.load_verify_locations(settings.client_ca)
        except (OSError, ssl.SSLError) as error:
            raise InputError(
                "authority of the bridges' certificates cannot be used",
                received=str(error),
                where=str(settings.client_ca),
                next_step="correct GOLDLAYER_GATEWAY__CLIENT_CA",
            ) from error
        # A bridge without one is told so over HTTP: a broken handshake would only say that something is wrong.
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def certificate_name(identity: BridgeIdentity) -> str:
    """The name that a bridge's certificate has to carry, as common name or DNS name: `<bridge>.<tenant>`."""
    return f"{identity.bridge_id}.{identity.tenant.slug}"


def check_certificate(identity: BridgeIdentity, certificate: dict[str, Any] | None) -> None:
    """The certificate of a connection is that of the bridge whose key was shown on it.

    Args:
        identity: whom the key belongs to.
        certificate: as `ssl` gives it, verified; None or empty if none was shown.

    Raises:
        DeniedError: none was shown, or that of somebody else.
    """
    if not certificate:
        raise DeniedError("this gateway asks for a client certificate", expected=certificate_name(identity))
    if certificate_name(identity) not in _names(certificate):
        raise DeniedError(
            "the client certificate is not that of this key's bridge", expected=certificate_name(identity)
        )


def _names(certificate: dict[str, Any]) -> set[str]:
    subject = cast("Iterable[Iterable[tuple[str, str]]]", certificate.get("subject", ()))
    common = {value for group in subject for key, value in group if key == "commonName"}
    others = cast("Iterable[tuple[str, str]]", certificate.get("subjectAltName", ()))
    return common | {value for kind, value in others if kind == "DNS"}


def _require_loopback(settings: GatewaySettings) -> None:
    if settings.client_ca is not None:
        raise InputError(
            "client certificates need TLS",
            where="GOLDLAYER_GATEWAY__CLIENT_CA",
            next_step="set GOLDLAYER_GATEWAY__TLS_CERTIFICATE and GOLDLAYER_GATEWAY__TLS_KEY",
        )
    if not _is_loopback(settings.host):
        raise InputError(
            "plain ws is for loopback only",
            expected="127.0.0.1, or a TLS certificate",
            received=settings.host,
            where="GOLDLAYER_GATEWAY__HOST",
            next_step="set GOLDLAYER_GATEWAY__TLS_CERTIFICATE and GOLDLAYER_GATEWAY__TLS_KEY",
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
