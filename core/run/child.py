"""Starts a program that may not outlive its parent; runs as a file, on the standard library alone.

Usage: `python -IS child.py {"parent": PID, "signal": N, "uid": N|null, "gid": N|null} PROGRAM ARGUMENT…`

The kernel is asked to send `signal` to this process when its parent dies, kill -9 included. The request survives exec
but not a change of user, hence the order below; a parent that died before the request is noticed by looking once more.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Give up root if asked to, bind this process to its parent, become the program."""
    order = json.loads(sys.argv[1])
    linux = sys.platform == "linux"
    libc = ctypes.CDLL(None, use_errno=True)
    if order["uid"] is not None:
        os.setgroups([])
        os.setgid(order["gid"])
        os.setuid(order["uid"])
    if linux and libc.prctl(_PR_SET_PDEATHSIG, order["signal"], 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != order["parent"]:
        sys.exit(1)
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606  becoming the program is the purpose


if __name__ == "__main__":
    main()
