"""Frames for the gold transforms."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest

MONDAY = date(2024, 3, 4)
MIDNIGHT = datetime(2024, 3, 4, tzinfo=UTC)


class Gold:
    """Rows of silver of one machine, `press-1`."""

    def hour(self, n: int, mean: float, role: str | None = None, **facts: object) -> dict[str, object]:
        """One hour of `silver.signal_hourly`, the n-th since Monday."""
        hour = MIDNIGHT + timedelta(hours=n)
        row = {
            "site": "plant",
            "equipment_id": "press-1",
            "equipment_type": "press",
            "signal": role or "force",
            "unit": "kN",
            "role": role,
            "hour": hour,
            "mean": mean,
            "min": mean,
            "max": mean,
            "last": mean,
            "samples": 60,
            "observed_s": 3600.0,
            "date": hour.date(),
        }
        return {**row, **facts}

    def hours(self, *rows: dict[str, object]) -> pl.DataFrame:
        """`silver.signal_hourly`."""
        schema = {"role": pl.String, "hour": pl.Datetime("us", "UTC"), "samples": pl.Int64}
        return pl.DataFrame(list(rows), schema_overrides=schema)

    def readings(self, signal: str, values: list[float | None], **facts: object) -> pl.DataFrame:
        """Good `silver.readings`, one an hour since Monday."""
        rows = [
            {
                "site": "plant",
                "equipment_id": "press-1",
                "equipment_type": "press",
                "signal": signal,
                "ts": MIDNIGHT + timedelta(hours=n),
                "value": value,
                "quality": 0,
                "unit": "kN",
                "role": None,
                **facts,
            }
            for n, value in enumerate(values)
        ]
        schema = {"ts": pl.Datetime("us", "UTC"), "value": pl.Float64, "role": pl.String, "quality": pl.Int64}
        return pl.DataFrame(rows, schema_overrides=schema).with_columns(date=pl.col("ts").dt.date())

    def episodes(self, *spans: tuple[float, float | None]) -> pl.DataFrame:
        """`silver.fault_episodes` as (raised, cleared) in hours since Monday."""
        rows = [(MIDNIGHT + timedelta(hours=a), None if b is None else MIDNIGHT + timedelta(hours=b)) for a, b in spans]
        time = pl.Datetime("us", "UTC")
        frame = pl.DataFrame(rows, schema={"raised_at": time, "cleared_at": time}, orient="row")
        return frame.with_columns(
            site=pl.lit("plant"),
            equipment_id=pl.lit("press-1"),
            duration_s=(pl.col("cleared_at") - pl.col("raised_at")).dt.total_seconds().cast(pl.Float64),
            date=pl.col("raised_at").dt.date(),
        )


@pytest.fixture
def gold() -> Gold:
    return Gold()
