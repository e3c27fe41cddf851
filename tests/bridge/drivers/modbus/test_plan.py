"""Which reads a site needs."""

from __future__ import annotations

import pytest

from bridge.drivers.modbus.plan import plan_reads
from core.contracts.site import SiteFile
from core.errors import InputError


def site(*addresses: str | None, clock: str | None = None, **more) -> SiteFile:
    signals = [{"name": f"s{n}", "address": one} for n, one in enumerate(addresses)]
    return SiteFile.model_validate(
        {
            "tenant": "newcomer-co",
            "site": "loop",
            "protocol": "modbus",
            "clock": {"address": clock} if clock else None,
            "equipment": [{"id": "p1", "type": "pump", "signals": signals}],
            **more,
        }
    )


def spans(form: SiteFile) -> list[tuple[int, str, int, int]]:
    (machine,) = plan_reads(form, 125)
    return [(r.device_id, r.table, r.start, r.layout.count) for r in machine.reads]


def test_clock_and_values_that_lie_together_are_one_read() -> None:
    assert spans(site("1/holding/4/float32", "1/holding/123/float32", clock="1/holding/0/int64")) == [
        (1, "holding", 0, 125)
    ]


def test_the_read_with_the_clock_comes_first_and_the_rest_follows() -> None:
    form = site("1/holding/4/float32", "1/input/0/int16", "2/holding/0/int16", clock="1/holding/500/int64")
    assert spans(form) == [(1, "holding", 500, 4), (1, "holding", 4, 2), (1, "input", 0, 1), (2, "holding", 0, 1)]


def test_a_site_with_a_recording_needs_no_address() -> None:
    recording = {"path": "r.csv", "timestamp": {"column": "t", "format": "%Y"}}
    (machine,) = plan_reads(site(None, None, recording=recording), 125)
    assert machine.clocked
    assert [read.layout.count for read in machine.reads] == [8]


def test_without_one_it_does() -> None:
    with pytest.raises(InputError, match="signal has no address") as refusal:
        plan_reads(site("1/holding/4/float32", None), 125)
    assert refusal.value.where == "loop, p1.s1"
