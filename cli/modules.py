"""`platform modules migrate`."""

from __future__ import annotations

import typer

from cli.upkeep import migrate

app = typer.Typer(add_completion=False, rich_markup_mode=None)
app.command()(migrate)


@app.callback()
def _modules() -> None:
    """Modules and their tables."""
