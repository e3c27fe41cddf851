"""What becomes of tenants whose processes end before they are built."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import pytest

from cli.backfill_workers import Order, spread
from orchestration.backfill import Request


def test_every_tenant_is_told_of_when_the_processes_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = Order(Request(date(2024, 3, 4), date(2024, 3, 4)), str(tmp_path), 1)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    result = spread(order, ["a-works", "b-works", "c-works", "d-works", "e-works"], 2, lambda _: None)
    ended, left = "the process that built it ended; see above", "no process was left to build it; see above"
    assert result.failed == {"a-works": ended, "b-works": ended, "c-works": left, "d-works": left, "e-works": left}
    assert not result.whole
