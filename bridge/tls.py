"""TLS on the link: which gateway the bridge believes, and what it shows of itself."""

from __future__ import annotations

import ssl
from urllib.parse import urlsplit

from core.errors import InputError
from core.settings import BridgeSettings


def client_context(gateway: str, settings: BridgeSettings) -> ssl.SSLContext | None:
    """How to speak to a gateway; None for plain `ws://`, which is for loopback.

    Raises:
        InputError: a file of the settings cannot be used.
    """
    if urlsplit(gateway).scheme != "wss":
        return None
    context = ssl.create_default_context()
    if settings.gateway_ca is not None:
        try:
            # Its own authority and no other: what the system trusts is no friend of a plant.
            context = ssl.create_default_context(cafile=str(settings.gateway_ca))
        except (OSError, ssl.SSLError) as error:
            raise _unusable("authority of the gateway's certificate", "GATEWAY_CA", error) from error
    if settings.certificate is not None:
        try:
            context.load_cert_chain(settings.certificate, settings.certificate_key)
        except (OSError, ssl.SSLError) as error:
            raise _unusable("certificate of this bridge", "CERTIFICATE", error) from error
    return context


def _unusable(what: str, name: str, error: OSError) -> InputError:
    return InputError(
        f"{what} cannot be used", received=str(error), where=f"GOLDLAYER_BRIDGE__{name}", next_step="name a PEM file"
    )
