"""Gold of a range, beside a bare Polars script that computes the same rows from the same Delta tables.

`gold.deviation_daily` of a thousand signals over ninety days: two million hours in, ninety thousand rows out. Ours
reads, computes, writes, runs every check, keeps their results and reports; the script reads, computes and writes. The
outputs are compared row for row.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
from deltalake import write_deltalake

from bench.claim import Claim, paired
from core.errors import TerminalError
from core.tenancy import RegisteredSite
from lake.store import Lake, TenantLake
from lake.tables import gold, silver

TARGET, PAIRS = 1 / 0.7, 5
TENANT, FIRST, DAYS, MACHINES, SIGNALS = "bench-co", date(2024, 3, 4), 90, 100, 10
_KEYS = list(gold.DEVIATION_DAILY.keys)


def _named(series: pl.Expr) -> dict[str, pl.Expr]:
    return {
        "site": pl.lit("bench"),
        "equipment_id": pl.format("pump-{}", series // SIGNALS),
        "equipment_type": pl.lit("pump"),
        "signal": pl.format("s{}", series % SIGNALS),
        "unit": pl.lit("bar"),
    }


def _hours(day: date) -> pl.DataFrame:
    n = pl.int_range(MACHINES * SIGNALS * 24)
    midnight = pl.lit(datetime.combine(day, datetime.min.time(), UTC))
    value = (n * 7 % 1_009).cast(pl.Float64)
    return pl.select(
        **_named(n // 24),
        role=pl.lit(None, pl.String),
        hour=(midnight + pl.duration(hours=n % 24)).cast(pl.Datetime("us", "UTC")),
        mean=value,
        min=value - 1,
        max=value + 1,
        last=value,
        samples=pl.lit(60, pl.Int64),
        observed_s=pl.lit(3_600.0),
        date=pl.lit(day),
    ).select(silver.SIGNAL_HOURLY.schema.names)


def _baselines() -> pl.DataFrame:
    n = pl.int_range(MACHINES * SIGNALS)
    before = pl.lit(datetime.combine(FIRST - timedelta(days=1), datetime.min.time(), UTC)).cast(
        pl.Datetime("us", "UTC")
    )
    return pl.select(
        **_named(n),
        center=500.0 + n % 13,
        spread=20.0 + n % 7,
        samples=pl.lit(336, pl.Int64),
        first_ts=before,
        last_ts=before,
        date=pl.lit(FIRST - timedelta(days=1)),
    ).select(gold.BASELINE.schema.names)


def _script(folder: Path) -> None:
    place = folder / TENANT
    signal = ["site", "equipment_id", "equipment_type", "signal", "unit"]
    last = FIRST + timedelta(days=DAYS - 1)
    known = pl.scan_delta(str(place / "gold" / "baseline")).select(*signal, "center", "spread", "last_ts")
    rows = (
        pl.scan_delta(str(place / "silver" / "signal_hourly"))
        .filter(pl.col("date").is_between(FIRST, last))
        .join(known, on=signal)
        .filter(pl.col("hour") + pl.duration(hours=1) > pl.col("last_ts"))
        .group_by(*signal, "date")
        .agg(
            mean=(pl.col("mean") * pl.col("observed_s")).sum() / pl.col("observed_s").sum(),
            baseline=pl.col("center").first(),
            spread=pl.col("spread").first(),
        )
        .with_columns(deviation=(pl.col("mean") - pl.col("baseline")) / pl.col("spread"))
        .select(gold.DEVIATION_DAILY.schema.names)
        .collect()
    )
    write_deltalake(str(folder / "alone"), rows, mode="overwrite", partition_by="date")


def _require_same(ours: TenantLake, folder: Path) -> None:
    found, expected = (
        rows.sort(_KEYS).collect() for rows in (ours.scan(gold.DEVIATION_DAILY), pl.scan_delta(str(folder / "alone")))
    )
    numbers = ["mean", "baseline", "spread", "deviation"]
    apart = (found.select(numbers) - expected.select(numbers)).select(pl.max_horizontal(pl.all().abs().max())).item()
    same = found.drop(numbers).equals(expected.drop(numbers)) and apart <= 1e-9
    if not same or found.height != DAYS * MACHINES * SIGNALS:
        raise TerminalError(
            "the script's rows are others", expected=f"{expected.height} rows", received=f"{found.height} rows"
        )


def claims() -> list[dict[str, object]]:
    """Seconds of the range, ours and the script's."""
    from assets.build import Build
    from assets.gold.own_past import deviation_daily
    from assets.resources import LakeResource, TenantResource
    from assets.window import Window
    from quality.validation import load

    class Nobody(TenantResource):
        """A register without sites: this table asks for none."""

        def slugs(self) -> list[str]:
            """The one tenant."""
            return [TENANT]

        def sites(self, slug: str) -> Sequence[RegisteredSite]:
            """None."""
            del slug
            return []

        def tell(self, slug: str, cause: str, subject: str, message: str) -> None:
            """A failed check would be news to the bench."""
            raise TerminalError(subject, received=message, where=f"{slug}: {cause}")

    load()
    folder = Path(tempfile.mkdtemp(prefix="goldlayer-bench-"))
    lake = Lake(str(folder)).tenant(TENANT)
    days = tuple(FIRST + timedelta(days=number) for number in range(DAYS))

    def ours() -> None:
        build = Build.alone(Window(TENANT, days), LakeResource(root=str(folder)), Nobody(), "bench")
        rows = deviation_daily(build.scan(silver.SIGNAL_HOURLY), build.read(gold.BASELINE, gold.EVER))
        build.replace(gold.DEVIATION_DAILY, rows)

    try:
        lake.append(gold.BASELINE, _baselines().to_arrow())
        lake.append(silver.SIGNAL_HOURLY, pl.concat([_hours(day) for day in days]).to_arrow())
        found: Claim = paired("gold", ours, lambda: _script(folder), target=TARGET, pairs=PAIRS)
        _require_same(lake, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    hours = DAYS * MACHINES * SIGNALS * 24
    print(f"gold of {hours:,} hours: ours {found.ours:.2f} s, the script {found.baseline:.2f} s", flush=True)
    return [found.as_dict()]
