"""`platform lake doctor`: one screen that says what is right and wrong with the lake's store."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from core.run.folder import RunFolder
from core.settings import load_settings

_MARKS = {"right": "[green]ok[/green]", "notice": "[yellow]note[/yellow]", "wrong": "[red]WRONG[/red]"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    run: Annotated[Path | None, typer.Option(help="Run folder; GOLDLAYER_RUN or .goldlayer if not given.")] = None,
) -> None:
    """Look at permissions, versions and clock of the lake's store, and race writers on it; exit code 1 if anything is
    wrong. What it writes lies under `_doctor/` and is removed."""
    from lake.doctor import findings
    from lake.opening import proof_of, storage_by_settings

    settings = load_settings()
    folder = RunFolder.find(run, settings)
    found = list(findings(storage_by_settings(folder, settings), proof_of(folder)))
    problems = sum(one.state == "wrong" for one in found)
    if as_json:
        typer.echo(json.dumps({"wrong": problems, "findings": [asdict(one) for one in found]}, ensure_ascii=False))
    else:
        from rich.console import Console
        from rich.markup import escape
        from rich.table import Table

        table = Table("", "thing", "found", "next")
        for one in found:
            table.add_row(_MARKS[one.state.value], one.thing, escape(one.said), escape(one.next_step))
        Console().print(table)
        typer.echo(f"{problems} wrong" if problems else "nothing is wrong")
    if problems:
        raise typer.Exit(1)
