"""Who the server is, who the bridge is, and that nobody listens between them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from asyncua import ua
from asyncua.client.client import Client
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from asyncua.crypto.uacrypto import CertProperties
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
)
from pydantic import SecretStr

from bridge.config import is_loopback
from bridge.driver import DeviceLostError, DeviceRefusedError
from bridge.secret_file import check_private, read_secret
from core.contracts.device import OpcuaOptions, OpcuaSecurity
from core.errors import InputError

_MODES = {"sign": ua.MessageSecurityMode.Sign, "sign_and_encrypt": ua.MessageSecurityMode.SignAndEncrypt}
_PIN = "sha256:"


@dataclass(frozen=True, slots=True)
class Channel:
    """A signed or encrypted channel to one known server.

    Attributes:
        mode: sign, or sign and encrypt.
        certificate: the bridge's own, DER.
        private_key: its file.
        application_uri: as the certificate has it.
        pin: SHA-256 of the server's certificate, hexadecimal.
    """

    mode: ua.MessageSecurityMode
    certificate: bytes
    private_key: Path
    application_uri: str
    pin: str


@dataclass(frozen=True, slots=True)
class Access:
    """How the bridge introduces itself to a server."""

    channel: Channel | None = None
    user: str | None = None
    password: SecretStr | None = None


def access_of(options: OpcuaOptions | None, endpoint: str, where: str) -> Access:
    """What a site file says, its files read and checked.

    Raises:
        InputError: a file is missing, open to others or does not fit, or a password would travel in the clear.
    """
    if options is None:
        return Access()
    channel = _channel(options.security, where) if options.security else None
    if options.user is None or options.password_file is None:
        return Access(channel)
    if channel is None and not is_loopback(urlsplit(endpoint).hostname or ""):
        raise InputError(
            "a password without a secure channel is for loopback only",
            expected="`opcua.security` beside `opcua.user`",
            where=where,
        )
    return Access(channel, options.user, read_secret(options.password_file, "password file"))


def _channel(security: OpcuaSecurity, where: str) -> Channel:
    check_private(security.private_key, "private key")
    certificate = _certificate(security.certificate)
    _check_pair(certificate, security.private_key)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    except x509.ExtensionNotFound:
        uris = []
    if not uris:
        raise InputError(
            "certificate names no application",
            expected="a URI among its subject alternative names (OPC UA Part 6, section 6.2.2)",
            where=str(security.certificate),
        )
    der = certificate.public_bytes(Encoding.DER)
    return Channel(_MODES[security.mode], der, security.private_key, uris[0], _pin(security.server_certificate, where))


def _certificate(path: Path) -> x509.Certificate:
    raw = _bytes(path, "certificate")
    try:
        pem = raw.lstrip().startswith(b"-----BEGIN")
        return x509.load_pem_x509_certificate(raw) if pem else x509.load_der_x509_certificate(raw)
    except ValueError as error:
        raise InputError("certificate cannot be read", expected="PEM or DER", where=str(path)) from error


def _check_pair(certificate: x509.Certificate, path: Path) -> None:
    raw = _bytes(path, "private key")
    try:
        pem = raw.lstrip().startswith(b"-----BEGIN")
        key = load_pem_private_key(raw, None) if pem else load_der_private_key(raw, None)
    except (ValueError, TypeError) as error:
        raise InputError("private key cannot be read", expected="PEM or DER, no passphrase", where=str(path)) from error
    as_bytes = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*as_bytes) != certificate.public_key().public_bytes(*as_bytes):
        raise InputError("private key is not that of the certificate", where=str(path))


def _bytes(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{what} cannot be read", received=error.strerror, where=str(path)) from error


def _pin(text: str, where: str) -> str:
    if not text.startswith(_PIN):
        return hashlib.sha256(_certificate(Path(text)).public_bytes(Encoding.DER)).hexdigest()
    pin = text.removeprefix(_PIN).replace(":", "").lower()
    if len(pin) != 64 or set(pin) - set("0123456789abcdef"):
        raise InputError(
            "fingerprint cannot be read",
            expected="sha256: and 64 hexadecimal digits",
            received=text,
            where=f"{where}, opcua.security.server_certificate",
        )
    return pin


async def secure(client: Client, access: Access, where: str) -> None:
    """Prepare a client that is not connected.

    Raises:
        DeviceRefusedError: the server offers no such channel, or is not the one that is known.
        OSError: it cannot be reached.
    """
    if access.user is not None and access.password is not None:
        client.set_user(access.user)
        client.set_password(access.password.get_secret_value())
    channel = access.channel
    if channel is None:
        return
    offered = await client.connect_and_get_server_endpoints()
    wanted = (SecurityPolicyBasic256Sha256.URI, channel.mode)
    found = next((one for one in offered if (one.SecurityPolicyUri, one.SecurityMode) == wanted), None)
    if found is None:
        raise DeviceRefusedError(
            "device offers no such channel",
            expected=f"Basic256Sha256, {channel.mode.name}",
            received=sorted(
                {f"{one.SecurityPolicyUri.rpartition('#')[2]}, {one.SecurityMode.name}" for one in offered}
            ),
            where=where,
        )
    certificate = _first(found.ServerCertificate or b"")
    fingerprint = hashlib.sha256(certificate).hexdigest()
    if fingerprint != channel.pin:
        raise DeviceRefusedError(
            "device is not the one that is known",
            expected=f"{_PIN}{channel.pin}",
            received=f"{_PIN}{fingerprint}",
            where=where,
            next_step="if its certificate was renewed on purpose, write the new one into `opcua.security`",
        )
    client.application_uri = channel.application_uri
    await client.set_security(
        SecurityPolicyBasic256Sha256,
        CertProperties(channel.certificate, "der"),
        channel.private_key,
        server_certificate=CertProperties(certificate, "der"),
        mode=channel.mode,
    )


_NO_USER = (ua.uaerrors.BadUserAccessDenied, ua.uaerrors.BadIdentityTokenRejected, ua.uaerrors.BadIdentityTokenInvalid)
_NO_TRUST = (
    ua.uaerrors.BadSecurityChecksFailed,
    ua.uaerrors.BadCertificateUntrusted,
    ua.uaerrors.BadCertificateInvalid,
    ua.uaerrors.BadCertificateTimeInvalid,
    ua.uaerrors.BadCertificateUriInvalid,
    ua.uaerrors.BadCertificateUseNotAllowed,
    ua.uaerrors.BadCertificateRevoked,
)


def why(error: Exception, where: str) -> DeviceLostError | DeviceRefusedError:
    """What a failed attempt to connect means for those who have to do something about it."""
    received = str(error) or type(error).__name__
    if isinstance(error, _NO_USER):
        return DeviceRefusedError(
            "device refuses the user",
            received=received,
            where=where,
            next_step="check `opcua.user` and its password file, or register the user on the device",
        )
    if isinstance(error, _NO_TRUST):
        return DeviceRefusedError(
            "device refuses the bridge's certificate",
            received=received,
            where=where,
            next_step="trust `opcua.security.certificate` on the device",
        )
    return DeviceLostError("device cannot be reached", received=received, where=where)


def _first(chain: bytes) -> bytes:
    """The server's own certificate out of a chain: the length of a DER sequence stands in its bytes 2 and 3."""
    return chain[: int.from_bytes(chain[2:4], "big") + 4]
