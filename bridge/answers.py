"""What a gateway answers, as the link takes it."""

from __future__ import annotations

from core.contracts.batch import MalformedBatchError
from core.contracts.frames import Error, Message, parse_message
from core.errors import GoldlayerError, TransientError


class LinkLostError(TransientError):
    """The gateway is not there or went away."""


class LinkRefusedError(TransientError):
    """The gateway does not want this bridge as it is; somebody must act, and then it will."""


def message_of(frame: str | bytes) -> Message:
    """A frame as the message it is.

    Raises:
        LinkLostError: it is none.
    """
    if isinstance(frame, bytes):
        raise LinkLostError("gateway sends what this bridge does not know", expected="a text frame")
    try:
        return parse_message(frame)
    except MalformedBatchError as error:
        raise LinkLostError("gateway sends what this bridge does not know", received=error.received) from error


def refusal_of(error: Error) -> GoldlayerError:
    """What it means for the link that the gateway ends it: whether to come back at once, or when somebody has acted."""
    if error.retry:
        return LinkLostError("gateway ends the link", received=error.reason)
    return LinkRefusedError("gateway refuses this bridge", received=error.reason)
