"""A small site as the silver transforms see it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from assets.catalogue import ContractedSite, catalogue
from core.contracts.odcs import parse_contract
from core.contracts.site import SiteFile
from tests.assets.silver.works import Works

MIDNIGHT = datetime(2024, 3, 4, tzinfo=UTC)
CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: plant
version: 1.0.0
schema:
  - name: pump
    properties:
      - name: flow
        logicalType: number
        logicalTypeOptions: {minimum: 0, maximum: 100}
        customProperties:
          - {property: unit, value: l/min}
          - {property: windows, value: [{every: PT1H, aggregates: [mean, count]}]}
      - name: level
        customProperties:
          - {property: unit, value: mm}
          - {property: deadband, value: {absolute: 1}}
      - name: running
        customProperties:
          - {property: unit, value: "1"}
          - {property: forward, value: false}
          - {property: windows, value: [{every: PT1H, aggregates: [mean, max]}]}
customProperties:
  - property: rules
    value:
      - {name: dry, equipment_type: pump, signal: flow, raise_when: "<", threshold: 1, fault_code: DRY, severity: 95,
         message: Dry.}
      - {name: dry_again, equipment_type: pump, signal: level, raise_when: "<", threshold: 1, fault_code: DRY,
         severity: 95, message: Dry.}
"""
SITE = {
    "tenant": "waterworks",
    "site": "plant",
    "protocol": "opcua",
    "equipment": [
        {
            "id": "pump-[1..2]",
            "type": "pump",
            "signals": [
                {"name": "flow", "unit": "l/min"},
                {"name": "level", "unit": "cm"},
                {"name": "running", "role": "running"},
                {"name": "pieces", "role": "count"},
            ],
        }
    ],
}


def contracted() -> ContractedSite:
    """The site under its contract."""
    return ContractedSite(SiteFile.model_validate(SITE), parse_contract(CONTRACT, where="test"))


@pytest.fixture
def site() -> ContractedSite:
    return contracted()


@pytest.fixture
def signals() -> pl.DataFrame:
    return catalogue([contracted()])


class Bronze:
    """Rows of bronze readings, written as (signal, minutes after midnight, value) with what else matters."""

    def rows(self, *samples: tuple[str, float, float | None], **fixed: object) -> pl.DataFrame:
        """Good samples of pump-1 unless `fixed` says otherwise, received in order."""
        frame = pl.DataFrame(
            {
                "site": ["plant"] * len(samples),
                "equipment_id": ["pump-1"] * len(samples),
                "signal": [signal for signal, _, _ in samples],
                "ts": [MIDNIGHT + timedelta(minutes=minutes) for _, minutes, _ in samples],
                "value": pl.Series([value for _, _, value in samples], dtype=pl.Float64),
                "text": pl.Series([None] * len(samples), dtype=pl.String),
                "quality": pl.Series([0] * len(samples), dtype=pl.Int64),
                "lane": ["b/i/readings-live"] * len(samples),
                "seq": pl.Series(range(len(samples)), dtype=pl.Int64),
                "row_no": pl.Series([0] * len(samples), dtype=pl.Int32),
                "contract_version": ["1.0.0"] * len(samples),
                "received_at": [MIDNIGHT + timedelta(days=2, seconds=n) for n in range(len(samples))],
            }
        )
        return frame.with_columns(**{k: pl.lit(v) for k, v in fixed.items()}).with_columns(date=pl.col("ts").dt.date())


@pytest.fixture
def bronze() -> Bronze:
    return Bronze()


@pytest.fixture
def works(tmp_path: Path) -> Works:
    return Works(tmp_path)
