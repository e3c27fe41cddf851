"""Ports on loopback."""

from __future__ import annotations

import random
import socket
from collections.abc import Container

from core.errors import TransientError

# Below the range from which systems hand out ports to outgoing connections, so that a remembered port stays free.
_FIRST, _LAST = 20_000, 32_000
_TRIES = 200


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def accepts(port: int, host: str = "127.0.0.1", timeout_s: float = 1.0) -> bool:
    """Whether somebody takes connections there."""
    try:
        with socket.create_connection((host, port), timeout=timeout_s):
            return True
    except OSError:
        return False


def free_port(taken: Container[int] = ()) -> int:
    """A port nobody listens on and nobody in `taken` has been promised."""
    for _ in range(_TRIES):
        port = random.randint(_FIRST, _LAST)  # noqa: S311  not a secret
        if port not in taken and is_free(port):
            return port
    raise TransientError("no free port found", expected=f"one between {_FIRST} and {_LAST}", where="127.0.0.1")
