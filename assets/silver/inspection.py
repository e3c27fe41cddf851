"""What the checks of silver readings see of one build. Pure: frames in, outcomes out."""

from __future__ import annotations

import polars as pl

from assets.silver.judge import Judged
from quality.conduct import conduct
from quality.drift import drift
from quality.outcome import Outcome
from quality.suspects import ORIGIN


def inspect(
    raw: pl.DataFrame, judged: Judged, doubted: pl.DataFrame, reference: pl.DataFrame, catalogue: pl.DataFrame
) -> list[Outcome]:
    """Outcomes of every check on readings that is no expectation on a column.

    Args:
        raw: rows of `bronze.readings`.
        judged: what became of them.
        doubted: see `assets.silver.judge.doubt`.
        reference: rows of `ops.signal_reference`.
        catalogue: see `assets.catalogue.catalogue`.
    """
    quiet = catalogue.filter("deadband").select("site", "equipment_id", signal="base")
    heard = raw if judged.superseded.is_empty() else raw.join(judged.superseded, on=ORIGIN, how="anti")
    return [
        *conduct(raw, judged.kept, judged.superseded, doubted),
        *drift(judged.kept, heard, reference, quiet),
    ]
