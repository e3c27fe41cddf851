"""What a doctor says of one thing: of the bridge, or of the lake's store."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.errors import GoldlayerError


class State(StrEnum):
    """How a thing stands; a notice is worth knowing and no problem."""

    RIGHT = "right"
    NOTICE = "notice"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """A thing that was looked at.

    Attributes:
        thing: what, in a word or two.
        state: how it stands.
        said: what was found.
        next_step: what to do about it.
    """

    thing: str
    state: State
    said: str
    next_step: str = ""


def right(thing: str, said: str) -> Finding:
    """As it should be."""
    return Finding(thing, State.RIGHT, said)


def notice(thing: str, said: str, next_step: str = "") -> Finding:
    """Worth knowing."""
    return Finding(thing, State.NOTICE, said, next_step)


def wrong(thing: str, said: str, next_step: str) -> Finding:
    """A problem, and what to do."""
    return Finding(thing, State.WRONG, said, next_step)


def of_error(thing: str, error: GoldlayerError, next_step: str) -> Finding:
    """What an error says; its own next step, or the one given if it has none."""
    told = [error.what]
    if error.expected is not None:
        told.append(f"expected {error.expected}")
    if error.received is not None:
        told.append(f"received {str(error.received)[:300]}")
    if error.where is not None:
        told.append(error.where)
    return wrong(thing, "; ".join(told), error.next_step or next_step)
