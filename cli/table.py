"""Rows as aligned columns."""

from __future__ import annotations

from collections.abc import Sequence

import typer


def print_table(rows: Sequence[tuple[str, ...]]) -> None:
    """Print rows of the same length, each column as wide as its longest cell."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        typer.echo("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
