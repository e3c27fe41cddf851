"""The one error tree: what happened, what was expected, what came, where, and what to do next.

Two flavours decide everything downstream: a `TransientError` may be tried again, a `TerminalError` may not.
Facts are attributes; the sentence is built once, in `GoldlayerError.__str__`.
"""

from __future__ import annotations

from datetime import date

_LONGEST = 300
"""Characters of a received value that the sentence repeats."""


class GoldlayerError(Exception):
    """Base of every error this product raises on purpose.

    Attributes:
        what: what went wrong, a short sentence without a full stop.
        expected: what would have been right, if that can be said.
        received: the offending value, if there is one; never a secret.
        where: file, table, device or address concerned.
        next_step: what the reader should do now.
    """

    exit_code = 1

    def __init__(
        self,
        what: str,
        *,
        expected: str | None = None,
        received: object | None = None,
        where: str | None = None,
        next_step: str | None = None,
    ) -> None:
        self.what = what
        self.expected = expected
        self.received = received
        self.where = where
        self.next_step = next_step
        super().__init__(what)

    def __str__(self) -> str:
        return f"{self.where}: {self.sentence()}" if self.where else self.sentence()

    def sentence(self) -> str:
        """What is said to somebody who must not know where: files, tables and addresses stay inside."""
        parts = [self.what]
        if self.expected is not None:
            parts.append(f"expected {self.expected}")
        if self.received is not None:
            parts.append(f"received {_shortened(_told(self.received))}")
        if self.next_step is not None:
            parts.append(f"next: {self.next_step}")
        return "; ".join(parts)


def _told(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else repr(value)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


class TransientError(GoldlayerError):
    """The same call may succeed later: a link is down, a server restarts, a commit met another."""


class TerminalError(GoldlayerError):
    """The same call will fail again: somebody has to change something."""


class InputError(TerminalError):
    """A file, option or request is wrong; commands leave with exit code 2."""

    exit_code = 2


class NotFoundError(TerminalError):
    """The thing asked for does not exist for this tenant; says no more than that."""


class DeniedError(TerminalError):
    """The caller may not do this; says no more than that."""


class TooManyRequestsError(TransientError):
    """The caller has asked for more in a while than they may.

    Attributes:
        retry_after_s: seconds until the next request is within the rate.
    """

    def __init__(self, what: str, *, retry_after_s: float, expected: str | None = None) -> None:
        super().__init__(what, expected=expected, next_step="try again later")
        self.retry_after_s = retry_after_s
