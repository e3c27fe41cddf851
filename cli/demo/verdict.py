"""What the proof says of an installation: every site's recording against its tenant's bronze and quarantine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import polars as pl

from bridge.gaps import Gap
from cli.demo.proof import Gaps, Row, compare, expected_rows
from cli.sites import SiteOnDisk
from core.contracts.lanes import LaneKind
from examples.plant.recording import Plant, read_recording
from lake.store import TenantLake
from lake.tables import bronze


@dataclass(frozen=True, slots=True)
class Verdict:
    """Rows that differ, summed over sites.

    Attributes:
        lost: expected under the contract and neither in bronze nor in quarantine.
        duplicated: there more often than expected.
        unexpected: there and never expected.
        in_gaps: readings of the recording inside gaps the bridge recorded.
        examples: some rows that differ, for people.
    """

    lost: int
    duplicated: int
    unexpected: int
    in_gaps: int
    examples: tuple[Row, ...]


def judge(sites: Sequence[SiteOnDisk], lakes: Sequence[TenantLake], gaps: Sequence[Collection[Gap]]) -> Verdict:
    """Judge every site; `lakes` and `gaps` stand in the order of `sites`."""
    return _sum([_judge_one(*one) for one in zip(sites, lakes, gaps, strict=True)])


def _judge_one(one: SiteOnDisk, lake: TenantLake, gaps: Collection[Gap]) -> Verdict:
    recording = read_recording(one.site, one.folder)
    spans: Gaps = [(gap.equipment_id, gap.from_us, gap.to_us) for gap in gaps]
    readings, events = expected_rows(one.site, one.contract, recording, spans)
    expected: Counter[Row] = Counter(readings) + Counter(events)
    apart = compare(expected, found_rows(one.site.site, lake))
    return Verdict(
        lost=apart.lost.total(),
        duplicated=apart.duplicated.total(),
        unexpected=apart.unexpected.total(),
        in_gaps=_inside(recording, spans),
        examples=tuple([*apart.lost, *apart.duplicated, *apart.unexpected][:3]),
    )


def found_rows(site: str, lake: TenantLake) -> Counter[Row]:
    """What bronze and its quarantine hold of a site."""
    here = pl.col("site") == site
    time = pl.col("ts").dt.epoch("us")
    reading = ["equipment_id", "signal", time, "value", "text"]
    readings = lake.scan(bronze.READINGS).filter(here).select(reading).collect()
    events = lake.scan(bronze.EVENTS).filter(here).select("equipment_id", time, "fault_code", "state").collect()
    # Notices of gaps and outages stand there as well, if their bridge's clock was wrong: they are no reading.
    kept = here & pl.col("row_no").is_not_null() & ~pl.col("lane").str.contains(f"/{LaneKind.STATUS}-", literal=True)
    kept_back = lake.scan(bronze.QUARANTINE).filter(kept).select(reading).collect()
    return Counter(readings.iter_rows()) + Counter(events.iter_rows()) + Counter(kept_back.iter_rows())


def _inside(recording: Plant, gaps: Gaps) -> int:
    count = 0
    for one in recording.units:
        mine = [(low, high) for machine, low, high in gaps if machine == one.unit.id]
        rows = sum(any(low < int(ts) < high for low, high in mine) for ts in one.ts_us) if mine else 0
        count += rows * len(one.columns)
    return count


def _sum(verdicts: list[Verdict]) -> Verdict:
    return Verdict(
        lost=sum(one.lost for one in verdicts),
        duplicated=sum(one.duplicated for one in verdicts),
        unexpected=sum(one.unexpected for one in verdicts),
        in_gaps=sum(one.in_gaps for one in verdicts),
        examples=tuple(row for one in verdicts for row in one.examples),
    )
