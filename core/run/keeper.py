"""Runs PostgreSQL for as long as somebody uses it; runs as a file, on the standard library alone.

Usage: `python -IS keeper.py {"users": PATH, "child": PATH of child.py, "uid": N|null, "gid": N|null} SERVER ARGUMENT…`

Every process that uses the server holds the file `users` under a shared lock, which the kernel releases when the
process dies, kill -9 included. When this process gets the lock for itself, nobody is left: it stops the server and
ends. So the server is never stopped under somebody's feet and never outlives its last user. A server that crashes is
started again.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time

_LOOK_EVERY_S = 0.1
_LONG_LIFE_S = 10.0
_MOST_SHORT_LIVES = 8
_BACK_OFF_FIRST_S, _BACK_OFF_LAST_S = 0.2, 5.0
_STOP_GRACE_S = 60.0

_asked_to_stop = False


def _ask_to_stop(_number: int, _frame: object) -> None:
    global _asked_to_stop
    _asked_to_stop = True


def _stop(server: subprocess.Popen[bytes]) -> None:
    """Fast shutdown: sessions are cut, everything committed stays."""
    if server.poll() is None:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(_STOP_GRACE_S)
        except subprocess.TimeoutExpired:
            server.send_signal(signal.SIGQUIT)
            server.wait()


def _unused(users: int) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _keep(argv: list[str], users: int) -> int:
    """Run the server until it is not wanted; ends with 1 when it keeps dying young."""
    first, short_lives, pause = True, 0, _BACK_OFF_FIRST_S
    while True:
        born = time.monotonic()
        server = subprocess.Popen(argv, cwd="/", stdin=subprocess.DEVNULL)  # noqa: S603  the caller's own command
        while server.poll() is None:
            if _asked_to_stop or _unused(users):
                _stop(server)
                return 0
            time.sleep(_LOOK_EVERY_S)
        if time.monotonic() - born > _LONG_LIFE_S:
            short_lives, pause = 0, _BACK_OFF_FIRST_S
        short_lives += 1
        print(f"postgres ended with {server.returncode}", file=sys.stderr, flush=True)  # noqa: T201  our log file
        refused_to_start = server.returncode == 1 and first
        if refused_to_start or short_lives >= _MOST_SHORT_LIVES:
            return 1
        first = False
        wake = time.monotonic() + pause
        while time.monotonic() < wake:
            if _asked_to_stop or _unused(users):
                return 0
            time.sleep(_LOOK_EVERY_S)
        pause = min(pause * 2, _BACK_OFF_LAST_S)


def main() -> None:
    """Take the order from the command line and keep the server."""
    order = json.loads(sys.argv[1])
    signal.signal(signal.SIGTERM, _ask_to_stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    users = os.open(order["users"], os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    # The server is bound to this process: if we are killed it shuts down by itself.
    bound = {"parent": os.getpid(), "signal": int(signal.SIGINT), "uid": order["uid"], "gid": order["gid"]}
    sys.exit(_keep([sys.executable, "-IS", order["child"], json.dumps(bound), *sys.argv[2:]], users))


if __name__ == "__main__":
    main()
