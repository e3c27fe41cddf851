"""One reading as tools say it, and what every signal showed last."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bridge.driver import Series
from bridge.latest import latest
from core.contracts.quality import is_good
from core.contracts.reading import Sample
from core.contracts.site import SiteFile

Row = dict[str, Any]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def as_row(sample: Sample, unit: str | None, now_us: int) -> Row:
    """A reading with its unit, quality and age; what is no number is said as text."""
    number = sample.value is not None and math.isfinite(sample.value)
    return {
        "equipment": sample.equipment_id,
        "signal": sample.signal,
        "ts": moment(sample.ts_us).isoformat(),
        "value": sample.value if number else None,
        "text": sample.text if number or sample.value is None else str(sample.value),
        "unit": unit,
        "quality": f"0x{sample.quality:08X}",
        "good": is_good(sample.quality) and (number or sample.text is not None),
        "age_s": round((now_us - sample.ts_us) / 1_000_000, 3),
    }


def moment(ts_us: int) -> datetime:
    """Microseconds since the epoch as UTC."""
    return _EPOCH + timedelta(microseconds=ts_us)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The newest journaled reading of every signal of a site.

    Attributes:
        samples: in the order of the site file.
        silent: signals that have never been read.
    """

    samples: list[Sample]
    silent: list[Series]


def snapshot(site: SiteFile, home: Path, equipment: str | None = None) -> Snapshot:
    """What every signal showed last.

    Args:
        site: whose signals.
        home: the bridge's home folder; the bridge may be running.
        equipment: only this machine.

    Raises:
        InputError: no bridge ever ran there.
    """
    found = latest(home)
    machines = [unit for unit in site.units() if equipment in (None, unit.id)]
    wanted = [(unit.id, signal.name) for unit in machines for signal in unit.signals]
    return Snapshot(
        [found[series] for series in wanted if series in found], [series for series in wanted if series not in found]
    )


def units_of(site: SiteFile) -> dict[Series, str]:
    """The unit of every signal."""
    return {(unit.id, signal.name): signal.unit for unit in site.units() for signal in unit.signals}
