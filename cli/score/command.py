"""`platform score skab | nab | cmapss`: a table of figures, and the last line as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from cli.table import print_table

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)

FolderArgument = Annotated[Path, typer.Argument(help="Folder with the recordings, read with all folders in it.")]


@app.command()
def skab(folder: FolderArgument) -> None:
    """Anomalies of a water pump, point by point: F1, false alarm rate, missed alarm rate, beside classical methods."""
    from cli.score import skab as board

    result = board.score(board.read(folder))
    for group, one in result.chosen.items():
        on, off = one.rule.on, one.rule.on * one.rule.off_share
        how = "chosen on the others" if one.on_others else "the usual: no other has an anomaly to choose on"
        typer.echo(f"{group}: F1 {one.f1:.3f}, alarm above {on:.1f} until below {off:.1f}, {how}")
    figures = [(name, f"{one.f1:.3f}", f"{one.far:.3f}", f"{one.mar:.3f}") for name, one in result.methods.items()]
    print_table([("method", "F1", "false alarms", "missed alarms"), *figures])
    ours = result.methods[board.OURS]
    typer.echo(json.dumps({"files": result.files, "f1": ours.f1, "far": ours.far, "mar": ours.mar}))


@app.command()
def nab(folder: FolderArgument) -> None:
    """Failures of machines in one long signal each: windows found, how early, and false alarms."""
    from cli.score import nab as board

    found = [board.judge(one) for one in board.read(folder)]
    rows = [
        (one.name, f"{one.detected} of {len(one.lead_minutes)}", board.spelled(one.lead_minutes), str(one.false_alarms))
        for one in found
    ]
    print_table([("recording", "windows found", "minutes before the label", "false alarms"), *rows])
    total = {
        "windows": sum(len(one.lead_minutes) for one in found),
        "detected": sum(one.detected for one in found),
        "lead_minutes": [lead for one in found for lead in one.lead_minutes],
        "false_alarms": sum(one.false_alarms for one in found),
    }
    typer.echo(json.dumps(total))


@app.command()
def cmapss(folder: FolderArgument) -> None:
    """Remaining life of turbofans: errors, the PHM'08 score, and how many truths the 90 % interval covers."""
    from dataclasses import asdict

    from cli.score import cmapss as board

    found: list[board.Figures] = []
    for subset in board.read(folder, lambda name: typer.echo(f"missing, so not scored: {name}", err=True)):
        typer.echo(f"{subset.name}: {subset.train['engine'].n_unique()} lives to learn from", err=True)
        found.append(board.score(subset))
    rows = [
        (
            one.subset,
            *(f"{figure:.2f}" for figure in (one.rmse, one.rmse_capped, one.phm08, one.coverage90, one.width90)),
        )
        for one in found
    ]
    print_table([("subset", "RMSE", "RMSE capped", "PHM08", "coverage of 90 %", "width"), *rows])
    for one in found:
        typer.echo(
            f"{one.subset}, on engines of the train file held out of the fit: RMSE capped {one.unseen_rmse:.2f}, "
            f"coverage {one.unseen_coverage:.2f}"
        )
        typer.echo(f"{one.subset}, least left: {one.drivers}")
    typer.echo(json.dumps([{name: asdict(one)[name] for name in board.PUBLISHED} for one in found]))
