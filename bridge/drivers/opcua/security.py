"""Who the server is, who the bridge is, and that nobody listens between them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from asyncua import ua
from asyncua.client.client import Client
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from asyncua.crypto.uacrypto import CertProperties
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from bridge.config import is_loopback
from bridge.driver import DeviceLostError, DeviceRefusedError
from bridge.threads import in_thread
from bridge.vault import NoSecrets, Secrets
from core.contracts.device import OpcuaOptions, OpcuaSecurity
from core.errors import InputError
from core.vault import Secret

_MODES = {"sign": ua.MessageSecurityMode.Sign, "sign_and_encrypt": ua.MessageSecurityMode.SignAndEncrypt}
_PIN = "sha256:"
_CHECK = "check at start"


@dataclass(frozen=True, slots=True)
class Channel:
    """A signed or encrypted channel to one known server.

    Attributes:
        mode: sign, or sign and encrypt.
        certificate: the bridge's own, DER.
        private_key: name of its key in the vault.
        application_uri: as the certificate has it.
        pin: SHA-256 of the server's certificate, hexadecimal.
    """

    mode: ua.MessageSecurityMode
    certificate: bytes
    private_key: str
    application_uri: str
    pin: str


@dataclass(frozen=True, slots=True)
class Access:
    """How the bridge introduces itself to a server.

    Attributes:
        password: name of the user's password.
        secrets: asked anew for every connection, so that nothing is kept and a secret that was replaced is used.
    """

    channel: Channel | None = None
    user: str | None = None
    password: str | None = None
    secrets: Secrets = field(default_factory=NoSecrets)


def access_of(options: OpcuaOptions | None, endpoint: str, where: str, secrets: Secrets) -> Access:
    """What a site file says, its files and secrets checked.

    Raises:
        InputError: a file or secret is missing or does not fit, or a password would travel in the clear.
    """
    if options is None:
        return Access()
    channel = _channel(options.security, endpoint, where, secrets) if options.security else None
    if options.user is None or options.password_secret is None:
        return Access(channel, secrets=secrets)
    if channel is None and not is_loopback(urlsplit(endpoint).hostname or ""):
        raise InputError(
            "a password without a secure channel is for loopback only",
            expected="`opcua.security` beside `opcua.user`",
            where=where,
        )
    secrets.use(options.password_secret, endpoint=endpoint, purpose=_CHECK)
    return Access(channel, options.user, options.password_secret, secrets)


def _channel(security: OpcuaSecurity, endpoint: str, where: str, secrets: Secrets) -> Channel:
    certificate = _certificate(security.certificate)
    name = security.private_key_secret
    _check_pair(certificate, secrets.use(name, endpoint=endpoint, purpose=_CHECK), f"{where}, secret {name}")
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
    return Channel(_MODES[security.mode], der, name, uris[0], _pin(security.server_certificate, where))


def _certificate(path: Path) -> x509.Certificate:
    raw = _bytes(path, "certificate")
    try:
        pem = raw.lstrip().startswith(b"-----BEGIN")
        return x509.load_pem_x509_certificate(raw) if pem else x509.load_der_x509_certificate(raw)
    except ValueError as error:
        raise InputError("certificate cannot be read", expected="PEM or DER", where=str(path)) from error


def _check_pair(certificate: x509.Certificate, private_key: Secret, where: str) -> None:
    try:
        key = load_pem_private_key(private_key.reveal().encode(), None)
    except (ValueError, TypeError):
        # Without its cause, which may quote what it could not read.
        raise InputError("private key cannot be read", expected="PEM, no passphrase", where=where) from None
    as_bytes = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*as_bytes) != certificate.public_key().public_bytes(*as_bytes):
        raise InputError("private key is not that of the certificate", where=where)


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
        InputError: a secret is gone.
        OSError: it cannot be reached.
    """
    if access.channel is not None:
        await _secure_channel(client, access.channel, access.secrets, where)
    if access.user is not None and access.password is not None:
        password = await in_thread(access.secrets.use, access.password, endpoint=where, purpose="sign in")
        client.set_user(access.user)
        client.set_password(password.reveal())


async def _secure_channel(client: Client, channel: Channel, secrets: Secrets, where: str) -> None:
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
    private_key = await in_thread(secrets.use, channel.private_key, endpoint=where, purpose="secure the channel")
    await client.set_security(
        SecurityPolicyBasic256Sha256,
        CertProperties(channel.certificate, "der"),
        CertProperties(private_key.reveal().encode(), "pem"),
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
            next_step="check `opcua.user` and its password in the vault, or register the user on the device",
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
