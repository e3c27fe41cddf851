"""`platform lake doctor`: one screen that says what is right and wrong with the lake's store."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from core.run.folder import RunFolder
from core.settings import load_settings


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
    run: Annotated[Path | None, typer.Option(help="Run folder; GOLDLAYER_RUN or .goldlayer if not given.")] = None,
) -> None:
    """Look at permissions, versions and clock of the lake's store, and race writers on it; exit code 1 if anything is
    wrong. What it writes lies under `_doctor/` and is removed."""
    from cli.findings import count_wrong, exit_if_wrong, report
    from lake.doctor import findings
    from lake.opening import proof_of, storage_by_settings

    settings = load_settings()
    folder = RunFolder.find(run, settings)
    found = list(findings(storage_by_settings(folder, settings), proof_of(folder)))
    if not as_json:
        report(found)
        return
    wrong = count_wrong(found)
    typer.echo(json.dumps({"wrong": wrong, "findings": [asdict(one) for one in found]}, ensure_ascii=False))
    exit_if_wrong(found)
