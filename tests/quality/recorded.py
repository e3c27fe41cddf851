"""Bronze as the demo's own recordings make it, without a bridge."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import polars as pl

from assets.catalogue import ContractedSite, catalogue
from cli.demo.proof import expected_rows
from core.contracts.odcs import load_contract
from core.contracts.site import load_site
from examples.plant.recording import read_recording

SITES = Path("examples/sites")
RECEIVED = datetime(2026, 1, 5, 8, tzinfo=UTC)


@dataclass(frozen=True)
class Recorded:
    """A site's bronze readings, and its catalogue."""

    bronze: pl.DataFrame
    signals: pl.DataFrame


@cache
def recorded(name: str, machines: int) -> Recorded:
    """What leaves a site of `examples/sites` under its contract, of the first so many machines."""
    site, _ = load_site(SITES / f"{name}.yaml")
    contract = load_contract(SITES / f"{name}.contract.yaml", site)
    recording = read_recording(site, SITES)
    readings, _ = expected_rows(site, contract, replace(recording, units=recording.units[:machines]))
    rows = pl.DataFrame(
        sorted(readings, key=lambda row: (row[2], row[0], row[1])),
        schema={"equipment_id": pl.String, "signal": pl.String, "us": pl.Int64, "value": pl.Float64, "text": pl.String},
        orient="row",
    )
    bad = 0x809B0000
    bronze = rows.select(
        pl.lit(site.site).alias("site"),
        "equipment_id",
        "signal",
        pl.from_epoch("us", "us").dt.replace_time_zone("UTC").alias("ts"),
        "value",
        "text",
        pl.when(pl.col("value").is_null() & pl.col("text").is_null()).then(bad).otherwise(0).alias("quality"),
        pl.lit("bridge/1/readings-live").alias("lane"),
        (pl.int_range(pl.len()) // 1000).cast(pl.Int64).alias("seq"),
        (pl.int_range(pl.len()) % 1000).cast(pl.Int32).alias("row_no"),
        pl.lit(contract.version).alias("contract_version"),
    ).with_columns(
        received_at=pl.lit(RECEIVED) + pl.duration(milliseconds=pl.col("seq")),
        date=pl.col("ts").dt.date(),
    )
    return Recorded(bronze, catalogue([ContractedSite(site, contract)]))
