"""What a doctor found, as one screen and an exit code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from core.findings import Finding

_MARKS = {"right": "[green]ok[/green]", "notice": "[yellow]note[/yellow]", "wrong": "[red]WRONG[/red]"}


def report(found: Sequence[Finding]) -> None:
    """Print a table of findings.

    Raises:
        typer.Exit: with 1, if anything is wrong.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("", "thing", "found", "next")
    for one in found:
        table.add_row(_MARKS[one.state.value], one.thing, escape(one.said), escape(one.next_step))
    Console().print(table)
    problems = count_wrong(found)
    typer.echo(f"{problems} wrong" if problems else "nothing is wrong")
    exit_if_wrong(found)


def count_wrong(found: Sequence[Finding]) -> int:
    """How many of them are wrong."""
    return sum(one.state.value == "wrong" for one in found)


def exit_if_wrong(found: Sequence[Finding]) -> None:
    """End with exit code 1 if any of them is wrong."""
    if count_wrong(found):
        raise typer.Exit(1)
