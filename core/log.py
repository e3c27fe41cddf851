"""Logs are events: one short constant sentence plus facts as keys, one JSON object a line on standard error."""

from __future__ import annotations

import logging
import sys
from typing import cast

import structlog


def configure(level: str = "info", *, console: bool = False) -> None:
    """Set up logging for a process; called once, by the command that starts it.

    Args:
        level: lowest level that is written.
        console: human-readable lines instead of JSON.
    """
    renderer = structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=_to_standard_error,
        cache_logger_on_first_use=False,
    )


def _to_standard_error(*_: object) -> structlog.PrintLogger:
    # Looked up for every line: who redirects standard error later is followed.
    return structlog.PrintLogger(sys.stderr)


def get_logger(room: str) -> structlog.typing.FilteringBoundLogger:
    """A logger that names the room it speaks for."""
    return cast("structlog.typing.FilteringBoundLogger", structlog.get_logger(room=room))
