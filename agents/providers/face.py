"""What a provider is: something that turns a prompt into a stream of pieces."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from agents.conversation import Prompt, ToolRequest
from core.errors import TerminalError, TransientError


@dataclass(frozen=True, slots=True)
class Text:
    """Some more of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Thinking:
    """Some more of the reasoning a model shows."""

    text: str


@dataclass(frozen=True, slots=True)
class CallStart:
    """The model begins to ask for a tool."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class CallDelta:
    """Some more of the arguments, as JSON text."""

    id: str
    json: str


@dataclass(frozen=True, slots=True)
class CallEnd:
    """The request is complete."""

    request: ToolRequest


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counts them: the truth for billing."""

    input_tokens: int
    output_tokens: int
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0


Piece = Text | Thinking | CallStart | CallDelta | CallEnd | Usage


class Provider(Protocol):
    """One model of one provider."""

    @property
    def name(self) -> str:
        """`offline`, `anthropic`, `openai`."""
        ...

    @property
    def model(self) -> str:
        """Model id."""
        ...

    def stream(self, prompt: Prompt) -> AsyncIterator[Piece]:
        """Pieces of one answer, as they come.

        Raises:
            ProviderUnavailableError: try the next provider of the chain.
            ProviderRefusedError: this request will not work anywhere: key, model or request is wrong.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class ProviderUnavailableError(TransientError):
    """Rate limit, time-out, overload, no connection."""


class ProviderRefusedError(TerminalError):
    """The provider will not take this request: wrong key, unknown model, malformed request."""
