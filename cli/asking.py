"""Secrets that a command is given: never as an argument, never shown."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from core.vault import Secret


def asked(what: str) -> Secret:
    """A secret, asked for at a terminal and else read from standard input.

    Args:
        what: whose value, for the question.
    """
    from core.vault import Secret

    if sys.stdin.isatty():
        return Secret(str(typer.prompt(f"value of {what}", hide_input=True, confirmation_prompt=True)))
    # One line end belongs to the shell that wrote it, whatever else there is belongs to the value.
    return Secret(sys.stdin.read().removesuffix("\n").removesuffix("\r"))
