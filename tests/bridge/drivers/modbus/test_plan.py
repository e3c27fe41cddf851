"""Which reads a site needs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.drivers.modbus.plan import Poll, Read, parts_of, plan_polls
from bridge.drivers.modbus.profiles import STANDARD, profile_of
from core.contracts.device import ModbusOptions
from core.contracts.site import SiteFile
from core.errors import InputError


def site(*addresses: str | None, clock: str | None = None, machines: int = 1, **more) -> SiteFile:
    signals = [{"name": f"s{n}", "address": one} for n, one in enumerate(addresses)]
    return SiteFile.model_validate(
        {
            "tenant": "newcomer-co",
            "site": "loop",
            "protocol": "modbus",
            "clock": {"address": clock} if clock else None,
            "equipment": [{"id": f"p[1..{machines}]", "type": "pump", "signals": signals}],
            **more,
        }
    )


def span(read: Read) -> tuple[int, str, int, int]:
    return read.device_id, read.table, read.layout.start, read.layout.count


def spans(form: SiteFile, **limits) -> list[tuple[int, str, int, int]]:
    return [span(read) for poll in plan_polls(form, replace(STANDARD, **limits)) for read in poll.reads]


def test_clock_and_values_that_lie_together_are_one_read_whatever_lies_between() -> None:
    assert spans(site("1/holding/4/float32", "1/holding/123/float32", clock="1/holding/0/int64")) == [
        (1, "holding", 0, 125)
    ]


def test_the_read_with_the_clock_comes_first_and_the_rest_follows() -> None:
    form = site("1/holding/4/float32", "1/input/0/int16", "2/holding/0/int16", clock="1/holding/500/int64")
    assert spans(form) == [(1, "holding", 500, 4), (1, "holding", 4, 2), (1, "input", 0, 1), (2, "holding", 0, 1)]


def test_without_a_clock_neighbours_share_a_read_up_to_the_gap_and_to_the_limit() -> None:
    form = site("1/holding/0/int16", "1/holding/17/int16", "1/holding/35/int16")
    assert spans(form) == [(1, "holding", 0, 18), (1, "holding", 35, 1)]
    assert spans(form, max_gap=17) == [(1, "holding", 0, 36)]
    assert spans(form, max_gap=17, max_registers=35) == [(1, "holding", 0, 18), (1, "holding", 35, 1)]


def test_a_read_crosses_neither_unit_nor_table() -> None:
    form = site("1/holding/0/int16", "2/holding/1/int16", "1/input/2/int16", "1/coil/0", "1/coil/250", "1/discrete/3")
    assert sorted(spans(form)) == [
        (1, "coil", 0, 251),
        (1, "discrete", 3, 1),
        (1, "holding", 0, 1),
        (1, "input", 2, 1),
        (2, "holding", 1, 1),
    ]
    assert (1, "coil", 0, 1) in spans(form, max_bits=250)


def test_machines_share_a_read_and_one_value_never_lies_in_two() -> None:
    form = site(*[f"1/holding/{at}/float32" for at in range(0, 250, 2)], machines=2)
    assert spans(form) == [(1, "holding", 0, 124), (1, "holding", 124, 124), (1, "holding", 248, 2)]
    (first, *_) = plan_polls(form, STANDARD)
    assert {point.equipment_id for point in first.points} == {"p1", "p2"}


def test_a_long_value_keeps_its_neighbours_near() -> None:
    form = site("1/holding/0/string100", "1/holding/2/int16", "1/holding/60/int16")
    assert spans(form) == [(1, "holding", 0, 61)]


def test_a_read_falls_apart_at_its_widest_hole_else_in_the_middle() -> None:
    def parts(*addresses: str) -> list[tuple[int, str, int, int]]:
        (poll,) = plan_polls(site(*addresses), STANDARD)
        return [span(one) for one in parts_of(poll.reads[0])]

    at = "1/holding/{}/int16".format
    assert parts(at(0), at(2), at(9), at(10)) == [(1, "holding", 0, 3), (1, "holding", 9, 2)]
    assert parts(at(0), at(1), at(2), at(3)) == [(1, "holding", 0, 2), (1, "holding", 2, 2)]
    assert parts(at(5)) == [(1, "holding", 5, 1)]
    assert parts("1/holding/0/uint16[0]", "1/holding/0/uint16[1]") == [(1, "holding", 0, 1)] * 2


def test_a_site_with_a_recording_needs_no_address_and_keeps_the_standards_order() -> None:
    recording = {"path": "r.csv", "timestamp": {"column": "t", "format": "%Y"}}
    (poll,) = plan_polls(site(None, None, recording=recording, modbus={"order": "dcba"}), STANDARD)
    assert isinstance(poll, Poll)
    assert poll.clock is not None
    assert [span(read) for read in poll.reads] == [(1, "holding", 0, 8)]
    assert {point.address.order for point in [poll.clock, *poll.points]} == {"abcd"}


def test_without_one_it_does() -> None:
    with pytest.raises(InputError, match="signal has no address") as refusal:
        plan_polls(site("1/holding/4/float32", None), STANDARD)
    assert refusal.value.where == "loop, p1.s1"


def test_the_site_files_order_is_that_of_every_address_without_one() -> None:
    form = site("1/holding/4/float32", "1/holding/6/float32/abcd", modbus={"order": "cdab"}, clock="1/holding/0/int64")
    (poll,) = plan_polls(form, STANDARD)
    assert poll.clock is not None
    assert [poll.clock.address.order, *(point.address.order for point in poll.points)] == ["cdab", "cdab", "abcd"]


@pytest.mark.parametrize("address", ["1/coil/0", "1/holding/0/string8", "1/holding/0/uint16[0]"])
def test_a_clock_is_a_number(address: str) -> None:
    with pytest.raises(InputError, match="clock is a number"):
        plan_polls(site("1/holding/4/float32", clock=address), STANDARD)


@pytest.mark.parametrize("address", ["1/coil/0", "1/holding/0/string8"])
def test_only_numbers_are_scaled(address: str) -> None:
    form = site(address)
    signal = form.equipment[0].signals[0].model_copy(update={"scale": 2.0})
    pump = form.equipment[0].model_copy(update={"signals": (signal,)})
    with pytest.raises(InputError, match="scale and offset are for numbers"):
        plan_polls(form.model_copy(update={"equipment": (pump,)}), STANDARD)


def test_what_a_site_file_says_of_the_device_takes_the_place_of_the_standard() -> None:
    said = ModbusOptions(request_timeout_s=0.5, max_registers=60, max_bits=8, max_gap=0)
    profile = profile_of(said)
    assert (profile.request_timeout_s, profile.max_registers, profile.max_bits, profile.max_gap) == (0.5, 60, 8, 0)
    assert profile_of(None) == profile_of(ModbusOptions()) == STANDARD
