"""Lives from start to failure, from a site's history file into bronze: no bridge carried them, no book counts them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa

from cli.sites import SiteOnDisk
from core.contracts.quality import BAD_NO_DATA, GOOD
from examples.plant.recording import UnitRecording, read_history
from lake.store import TenantLake
from lake.tables import bronze


def load_history(demo: SiteOnDisk, lake: TenantLake) -> int:
    """Load a site's history once; a second call finds it there.

    Returns:
        Rows of the site's history in the lake, 0 if the site has none.
    """
    if demo.site.recording is None or demo.site.recording.history is None:
        return 0
    if _loaded(demo, lake) == 0:
        lives = read_history(demo.site, demo.folder)
        tables = [_rows(demo.site.site, life, signal) for life in lives for signal in life.columns]
        lake.append(bronze.HISTORY, pa.concat_tables(tables))
    return _loaded(demo, lake)


def _loaded(demo: SiteOnDisk, lake: TenantLake) -> int:
    rows = lake.scan(bronze.HISTORY).filter(pl.col("site") == demo.site.site).select(pl.len())
    return int(rows.collect().item())


def _rows(site: str, life: UnitRecording, signal: str) -> pa.Table:
    column = life.columns[signal]
    is_number = column.present & np.isfinite(column.numbers)
    times = pa.array(life.ts_us, type=pa.timestamp("us", tz="UTC"))
    texts = [column.texts.get(row) for row in range(life.rows)] if column.texts else pa.nulls(life.rows)
    return pa.table(
        {
            "site": [site] * life.rows,
            "equipment_id": [life.unit.id] * life.rows,
            "signal": [signal] * life.rows,
            "ts": times,
            "value": pa.array(column.numbers, mask=~is_number, type=pa.float64()),
            "text": pa.array(texts, type=pa.string()),
            "quality": pa.array(np.where(column.present, GOOD, BAD_NO_DATA), type=pa.int64()),
            "equipment_type": [life.unit.type] * life.rows,
            "unit_number": pa.array([life.unit.number] * life.rows, type=pa.int32()),
            "step": pa.array(np.arange(1, life.rows + 1), type=pa.int32()),
            "date": times.cast(pa.date32()),
        },
        schema=bronze.HISTORY.schema,
    )
