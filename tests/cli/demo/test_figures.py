from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa

from cli.demo.figures import quarantined_rows, reasons, superseded_rows
from lake.store import Lake
from lake.tables import bronze, silver

DAY = date(2024, 3, 4)
NOON = datetime(2024, 3, 4, 12, tzinfo=UTC)
READING = {"site": "plant", "equipment_id": "pump-1", "signal": "flow", "ts": NOON, "text": None, "quality": 0}
ORIGIN = {"lane": "b/1/readings-live", "seq": 1, "received_at": NOON, "date": DAY}


def test_a_row_that_silver_rejects_supersedes_nothing(tmp_path: Path):
    lake = Lake(str(tmp_path)).tenant("acme")
    values = [1.0, 2.0, -40.0]
    sent = [
        READING | ORIGIN | {"value": value, "row_no": row, "contract_version": "1.0.0"}
        for row, value in enumerate(values)
    ]
    lake.append(bronze.READINGS, pa.Table.from_pylist(sent, schema=bronze.READINGS.schema))
    assert superseded_rows([lake]) == 2
    rejected = READING | ORIGIN | {"kind": "reading", "reason": "below", "value": -40.0, "row_no": 2, "late": False}
    other = rejected | {"row_no": 3}
    lake.replace_days(
        silver.QUARANTINE, pa.Table.from_pylist([rejected, other], schema=silver.QUARANTINE.schema), [DAY]
    )
    assert superseded_rows([lake]) == 1
    assert reasons([lake, lake], silver.QUARANTINE) == [("below", 4)]


def test_a_refused_batch_counts_with_the_rows_it_claims(tmp_path: Path):
    lake = Lake(str(tmp_path)).tenant("acme")
    assert reasons([lake], bronze.QUARANTINE) == []
    kept = [
        ORIGIN | {"kind": "record", "reason": "value is not a number", "rows": 1},
        ORIGIN | {"kind": "batch", "reason": "oversized", "rows": 700},
    ]
    lake.append(bronze.QUARANTINE, pa.Table.from_pylist(kept, schema=bronze.QUARANTINE.schema))
    assert reasons([lake], bronze.QUARANTINE) == [("oversized", 700), ("value is not a number", 1)]
    notice = ORIGIN | {"kind": "record", "reason": "ahead of its time", "rows": 1, "lane": "b/1/status-live"}
    lake.append(bronze.QUARANTINE, pa.Table.from_pylist([notice], schema=bronze.QUARANTINE.schema))
    assert quarantined_rows([lake]) == 701
