"""What the checks of silver readings see of one build, machine by machine. Pure: frames in, outcomes out."""

from __future__ import annotations

from collections import Counter, defaultdict

import polars as pl

from assets.silver.judge import Judged
from quality.conduct import conduct, conduct_outcomes, disbelief
from quality.drift import drift, drift_outcomes
from quality.findings import Finding, Findings
from quality.outcome import Outcome

_HEARD = ["site", "equipment_id", "signal", "date", "ts"]


class Inspection:
    """Every check on readings that is no expectation on a column, over machines looked at one after the other.

    Args:
        catalogue: see `assets.catalogue.catalogue`.
    """

    def __init__(self, catalogue: pl.DataFrame) -> None:
        self._quiet = catalogue.filter("deadband").select("site", "equipment_id", signal="base")
        self._found: dict[str, list[Finding]] = defaultdict(list)
        self._doubted: Counter[str] = Counter()

    def add(self, raw: pl.DataFrame, judged: Judged, doubted: pl.DataFrame, reference: pl.DataFrame) -> None:
        """Look at all rows of some machines.

        Args:
            raw: rows of `bronze.readings`.
            judged: what became of them.
            doubted: see `assets.silver.judge.doubt`.
            reference: rows of `ops.signal_reference`.
        """
        heard = pl.concat([judged.kept.select(_HEARD), judged.rejected.select(_HEARD)])
        self._note(conduct(raw, judged.kept, judged.superseded))
        self._note(drift(judged.kept, heard, reference, self._quiet))
        self._doubted.update(dict(doubted.group_by("reason").len().iter_rows()))

    def _note(self, found: Findings) -> None:
        for check, several in found.items():
            self._found[check] += several

    def outcomes(self) -> list[Outcome]:
        """Outcomes of all that was looked at."""
        return [*conduct_outcomes({**self._found, **disbelief(self._doubted)}), *drift_outcomes(self._found)]
