"""What may go wrong with a provider. Facts are for the log; an answer to the browser carries `what` alone."""

from __future__ import annotations

from core.errors import DeniedError, TerminalError, TransientError


class ProviderDownError(TransientError):
    """The provider does not answer, or says that it cannot right now."""


class ProviderFaultError(TerminalError):
    """The provider answers, and what it says cannot be used: somebody has to correct its configuration or ours."""


class RefusedError(DeniedError):
    """A sign-in that must not go on; `what` is the reason, for the audit log only."""
