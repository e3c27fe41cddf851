"""A word to the service manager that started this process (sd_notify(3)); nothing where there is none."""

from __future__ import annotations

import os
import socket

from core.log import get_logger

_log = get_logger("bridge")


def tell_ready() -> None:
    """The bridge runs: whoever starts it waits for this, and knows at once of one that ends before."""
    address = os.environ.get("NOTIFY_SOCKET")  # systemd's own word, no setting of ours.
    if not address:
        return
    # A leading @ stands for the zero byte of an abstract address.
    where = "\0" + address[1:] if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
            manager.connect(where)
            manager.sendall(b"READY=1")
    except OSError as error:
        _log.warning("service manager does not listen", action="start", error=str(error))
