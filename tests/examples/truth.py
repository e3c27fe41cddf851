"""The truth that a site names: what is to be found out about its machines, and what no replay serves."""

from __future__ import annotations

from pathlib import Path

from core.contracts.site import SiteFile
from core.errors import InputError
from examples.plant.cells import parse_cells
from examples.plant.table import read_table, recording_files


def read_truth(site: SiteFile, folder: Path) -> dict[str, float]:
    """One number a machine, by equipment id, in the order of the site; empty if the site names no truth file.

    Raises:
        InputError: the file has not one number for every machine.
    """
    recording = site.recording
    if recording is None or recording.truth is None:
        return {}
    plain = recording.model_copy(update={"format": "csv", "delimiter": "whitespace", "header": False})
    (path,) = recording_files(folder, recording.truth)
    table = read_table([path], plain)
    column = parse_cells(table.column(0, str(path)))
    units = site.units()
    if len(table) != len(units) or column.texts or not column.present.all():
        raise InputError(
            "truth does not fit the site", expected=f"{len(units)} numbers", received=len(table), where=str(path)
        )
    return {unit.id: float(value) for unit, value in zip(units, column.numbers, strict=True)}
