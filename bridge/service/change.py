"""From one version to another: switch, start again, watch, and go back by itself if the new one does not hold."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from bridge.health import read_health
from bridge.service.versions import Versions
from core.errors import InputError, TerminalError
from core.log import get_logger

Restart = Callable[[], None]
"""Ends the bridge and starts what `current` is then."""
_LOOK_S = 0.2
_log = get_logger("bridge")


def change(versions: Versions, version: str, restart: Restart, home: Path, *, settle_s: float, wait_s: float) -> None:
    """Run another version, or the one before if it does not hold.

    A version holds when one and the same process of it has looked at itself for so long, as `health.json` tells.

    Args:
        versions: where it is installed.
        version: which.
        restart: see there.
        home: of the bridge.
        settle_s: how long it has to run on.
        wait_s: how long that may take altogether.

    Raises:
        TerminalError: it does not hold; the version before runs again, or that does not hold either.
    """
    before, older = versions.current, versions.previous
    versions.switch(version)
    if _holds(version, restart, home, settle_s, wait_s):
        _log.info("version is changed", action="update", version=version, before=before)
        return
    if before is None or before == version:
        raise TerminalError("the bridge does not hold and there is no version before", received=version)
    versions.give_up(version, before, older)
    _log.error("version does not hold, the one before is back", action="rollback", version=version, before=before)
    if not _holds(before, restart, home, settle_s, wait_s):
        raise TerminalError(
            "neither the new version nor the one before holds",
            received=f"{version}, {before}",
            next_step="look at the service's log; the version before is current",
        )
    raise TerminalError("the new version does not hold", received=version, next_step=f"{before} runs again")


def _holds(version: str, restart: Restart, home: Path, settle_s: float, wait_s: float) -> bool:
    begun = datetime.now(UTC)
    try:
        restart()
    except TerminalError as error:
        _log.error("bridge cannot be started", action="update", version=version, error=str(error))
        return False
    until = time.monotonic() + wait_s
    while time.monotonic() < until:
        if _settled(version, home, begun, settle_s):
            return True
        time.sleep(_LOOK_S)
    return False


def _settled(version: str, home: Path, begun: datetime, settle_s: float) -> bool:
    try:
        looked = read_health(home)
    except InputError:
        return False  # Of a version that says it otherwise.
    if looked is None:
        return False
    at, health = looked
    lasted = (at - health.started_at).total_seconds()
    return health.version == version and health.started_at >= begun and lasted >= settle_s
