"""A small site, its contract, and batches as its bridge would send them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pytest
import yaml

from core.contracts.batch import BatchHeader, digest, pack
from core.contracts.data_contract import DataContract
from core.contracts.odcs import parse_contract, permissive_contract
from core.contracts.reading import (
    COUNT_COLUMNS,
    COUNTS_SCHEMA,
    Event,
    GapNews,
    Sample,
    events_to_arrow,
    gaps_to_arrow,
    readings_to_arrow,
    to_us,
)
from core.contracts.site import SiteFile
from core.eventlog import Outgoing
from ingestion.quarantine import accepted

START = to_us(datetime(2024, 3, 1, 12, tzinfo=UTC))
RECEIVED = "2024-03-02T00:00:00+00:00"
RULE = {
    "name": "too_hot",
    "equipment_type": "pump",
    "signal": "temperature",
    "raise_when": ">",
    "threshold": 90,
    "fault_code": "T-HIGH",
    "severity": 95,
    "message": "too hot",
}


@pytest.fixture
def site() -> SiteFile:
    """Two pumps with two signals each."""
    signals = [{"name": "flow", "unit": "l/min"}, {"name": "temperature", "unit": "degC"}]
    return SiteFile.model_validate(
        {
            "tenant": "acme-works",
            "site": "plant-a",
            "protocol": "opcua",
            "equipment": [{"id": "pump-[1..2]", "type": "pump", "signals": signals}],
        }
    )


@pytest.fixture
def contract(site: SiteFile) -> DataContract:
    """Forwards the flow and its hourly mean, withholds the temperature, has one rule on it."""
    document = yaml.safe_load(permissive_contract(site))
    document["schema"][0]["properties"] = document["schema"][0]["properties"][:1]
    document["schema"][0]["properties"][0]["customProperties"].append(
        {"property": "windows", "value": [{"every": "PT1H", "aggregates": ["mean"]}]}
    )
    document["customProperties"] = [{"property": "rules", "value": [RULE]}]
    return parse_contract(yaml.safe_dump(document), where="plant-a.contract.yaml")


def sample(number: int, value: float | None = 1.0, **changes: object) -> Sample:
    """One flow reading of pump-1, `number` seconds after the start."""
    plain = Sample("pump-1", "flow", START + number * 1_000_000, value, None, 0)
    return plain._replace(**changes)


def event(number: int, **changes: object) -> Event:
    """One raise of the rule of pump-1."""
    plain = Event(f"event-{number}", "pump-1", START + number * 1_000_000, "T-HIGH", 95, "raised", "too hot")
    return replace(plain, **changes)


def gap(number: int, **changes: object) -> GapNews:
    """A minute of pump-1 that nobody read."""
    start = START + number * 60_000_000
    return GapNews("pump-1", start, start + 60_000_000, "bridge_down", "found")._replace(**changes)


def counts(forwarded: int, signal: str = "flow", hour: int = START) -> pa.RecordBatch:
    """One line of the bridge's books."""
    numbers = dict.fromkeys(COUNT_COLUMNS, 0) | {"read": forwarded, "contracted": forwarded, "forwarded": forwarded}
    row = {"site": "plant-a", "equipment_id": "pump-1", "signal": signal, "hour": hour, **numbers}
    return pa.RecordBatch.from_pylist([row], schema=COUNTS_SCHEMA)


Maker = Callable[..., tuple[BatchHeader, bytes]]


@pytest.fixture
def batch(contract: DataContract) -> Maker:
    """Makes header and payload of a batch; keywords change the header."""

    def make(
        content: pa.RecordBatch | Sequence[Sample | Event | GapNews],
        seq: int = 1,
        *,
        counted: pa.RecordBatch | None = None,
        payload: bytes | None = None,
        **changes: object,
    ) -> tuple[BatchHeader, bytes]:
        if isinstance(content, pa.RecordBatch):
            block, lane = content, "readings-live"
        elif content and isinstance(content[0], GapNews):
            block, lane = gaps_to_arrow("plant-a", content), "status-live"
        elif content and isinstance(content[0], Event):
            block, lane = events_to_arrow("plant-a", content), "faults-live"
        else:
            block, lane = readings_to_arrow("plant-a", content), "readings-live"
        body = pack(block, counted) if payload is None else payload
        header = BatchHeader(
            bridge="plant-a-bridge",
            incarnation="a1",
            site="plant-a",
            lane=lane,
            seq=seq,
            rows=block.num_rows,
            contract_id=contract.id,
            contract_version=contract.version,
            contract_sha256=contract.sha256,
            payload_sha256=digest(body),
        )
        return replace(header, **changes), body

    return make


@pytest.fixture
def stamped(batch: Maker) -> Callable[..., Outgoing]:
    """Makes the record the gateway would append for a batch."""

    def make(*args: object, **options: object) -> Outgoing:
        header, payload = batch(*args, **options)
        return accepted(replace(header, tenant="acme-works", received_at=RECEIVED), payload)

    return make
