from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest

from core.audit.chain import COVERED, GENESIS, Walk, as_text, mac_of

_KEY, _TENANT = b"key", UUID(int=7)


def _chain(length: int, written: int = 2) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    previous = GENESIS
    for seq in range(1, length + 1):
        row = {
            **dict.fromkeys(COVERED),
            "format": written,
            "actor": "a",
            "action": "b",
            "target": str(seq),
            "after": as_text(seq),
            "outcome": "done",
        }
        at = datetime(2026, 1, 1, 0, 0, seq, tzinfo=UTC)
        mac = mac_of(_KEY, _TENANT, seq, at, row, previous)
        rows.append({**row, "seq": seq, "at": at, "previous_mac": previous, "mac": mac})
        previous = mac
    return rows


def _fault(rows: list[dict[str, object]], exported: dict[int, str] | None = None) -> tuple[int, str] | None:
    walk = Walk(_KEY, _TENANT)
    walk.take(rows, exported or {})
    return walk.fault


def test_an_untouched_chain_holds():
    assert _fault(_chain(5)) is None


@pytest.mark.parametrize("column", [*COVERED, "at"])
def test_every_column_is_covered(column: str):
    rows = _chain(5)
    rows[2][column] = datetime(2027, 1, 1, tzinfo=UTC) if column == "at" else "changed"

    assert _fault(rows) == (3, "the record was changed")


def test_records_of_the_first_format_hold_and_cannot_pass_for_the_second():
    rows = _chain(3, written=1)
    assert _fault(rows) is None

    rows[1]["format"] = 2

    assert _fault(rows) == (2, "the record was changed")


def test_a_record_cannot_be_taken_back_to_the_format_that_covers_less():
    rows = _chain(3)
    rows[1]["format"] = 1

    assert _fault(rows) == (2, "the record was changed")


def test_a_missing_record_is_named():
    rows = _chain(5)
    del rows[1]

    assert _fault(rows) == (2, "the record is missing")


def test_a_chain_rebuilt_without_the_key_does_not_hold():
    rows = _chain(2)
    rows[1]["mac"] = mac_of(b"guess", _TENANT, 2, rows[1]["at"], rows[1], str(rows[0]["mac"]))  # type: ignore[arg-type]  the row's own datetime

    assert _fault(rows) == (2, "the record was changed")


def test_an_exported_head_contradicts_a_chain_that_was_replaced():
    rows = _chain(3)

    assert _fault(rows, {3: "0" * 64}) == (3, "the record is not the one that was exported")


def test_payloads_are_written_the_same_whatever_their_order():
    assert as_text({"b": 1, "a": [1.5, None]}) == as_text({"a": [1.5, None], "b": 1})
    assert as_text(None) is None


@pytest.mark.parametrize(
    ("payload", "written"),
    [
        ({"value": float("nan"), "most": float("inf")}, {"value": "nan", "most": "inf"}),
        ({"name": "a\0b"}, {"name": "a\\x00b"}),
        ({"\ud800": "half \udfff"}, {"\\ud800": "half \\udfff"}),
        ({1: "a", "b": 2}, {"1": "a", "b": 2}),
        ({(1, 2): b"\xff"}, {"(1, 2)": "b'\\xff'"}),
        ({"literally": "\\u0000"}, {"literally": "\\u0000"}),
        ([1, 2.5, True, None, UUID(int=7)], [1, 2.5, True, None, str(UUID(int=7))]),
    ],
)
def test_whatever_strangers_put_into_a_payload_is_written(payload: object, written: object):
    text = as_text(payload)

    assert text is not None and text.encode() and "\0" not in text
    assert json.loads(text) == written


def test_a_payload_without_end_is_cut():
    endless: list[object] = [1]
    endless.append(endless)

    text = as_text(endless)

    assert text is not None and len(text) < 1_000
