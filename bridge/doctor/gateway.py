"""The gateway: can it be reached, does it take the key, and what time is it there. No session is begun."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from pydantic import SecretStr
from websockets.asyncio.client import connect
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus, WebSocketException

from bridge.config import check_gateway, is_loopback
from core import clock
from core.errors import InputError
from core.findings import Finding, notice, of_error, right, wrong

_ANSWER_S = 15.0
_CLOCK_OFF_S = 60.0
_REFUSALS = {
    401: ("it refuses the key", "check --key-file, or register the site and copy its key"),
    403: ("it does not serve this tenant now", "ask the platform's operator; everything is kept here meanwhile"),
    503: ("its platform does not answer", "wait; the bridge tries again by itself"),
}


async def gateway_findings(gateway: str, key: SecretStr) -> AsyncIterator[Finding]:
    """The link as the bridge would make it, up to the greeting."""
    try:
        check_gateway(gateway)
    except InputError as error:
        yield of_error("gateway", error, "correct --gateway")
        return
    host = urlsplit(gateway).hostname or ""
    try:
        async with connect(
            gateway,
            additional_headers={"Authorization": f"Bearer {key.get_secret_value()}"},
            open_timeout=_ANSWER_S,
            close_timeout=1,
            proxy=None if is_loopback(host) else True,
        ) as socket:
            headers = socket.response.headers if socket.response is not None else Headers()
        yield right("gateway", f"{gateway} takes the key")
        yield _clock(headers)
    except InvalidStatus as error:
        status = error.response.status_code
        said, step = _REFUSALS.get(status, (f"it answers {status}", "look at the gateway's log"))
        yield wrong("gateway", f"{gateway}: {said}", step)
        yield _clock(error.response.headers)
    except (OSError, TimeoutError, WebSocketException) as error:
        reason = str(error) or type(error).__name__
        yield wrong("gateway", f"{gateway} cannot be reached: {reason}", "check address, name service, firewall, proxy")


def _clock(headers: Headers) -> Finding:
    """How far this machine's clock is off, to a second or two."""
    began = time.monotonic()
    try:
        there = parsedate_to_datetime(headers["Date"])
    except (KeyError, ValueError, TypeError):
        return notice("clock", "the gateway says no time")
    ahead = (clock.now() - there).total_seconds() - (time.monotonic() - began)
    if abs(ahead) > _CLOCK_OFF_S:
        side = "ahead of" if ahead > 0 else "behind"
        return wrong("clock", f"{abs(ahead):,.0f} s {side} the gateway's", "let this machine follow a time server")
    return right("clock", "within a minute of the gateway's")
