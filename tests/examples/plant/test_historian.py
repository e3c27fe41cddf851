from __future__ import annotations

import numpy as np
from asyncua import ua

from core.contracts.reading import to_datetime, to_us
from examples.plant.historian import HistorisedSignal, RecordingHistory, page_end, rows_between

_NODE = ua.NodeId.from_string("ns=2;s=m/a")


def _history(times: list[int], shown: int) -> RecordingHistory:
    def value(row: int) -> ua.DataValue:
        return ua.DataValue(ua.Variant(float(row)), SourceTimestamp=to_datetime(times[row]))

    return RecordingHistory({_NODE: HistorisedSignal(np.array(times), value, lambda: shown)})


def test_rows_come_in_the_order_of_time_with_both_bounds() -> None:
    times = np.array([10, 30, 20, 30, 40])
    assert rows_between(times, 20, 30).tolist() == [2, 1, 3]
    assert rows_between(times, None, None).tolist() == [0, 2, 1, 3, 4]


def test_a_page_never_parts_rows_of_one_timestamp() -> None:
    assert page_end(np.array([1, 2, 2, 2, 3]), 2) == 4
    assert page_end(np.array([1, 2]), 5) == 2


async def test_only_rows_that_were_shown_are_history() -> None:
    values, following = await _history([1, 2, 3, 4], shown=3).read_node_history(_NODE, None, None, 0)
    assert [one.Value.Value for one in values] == [0.0, 1.0, 2.0]
    assert following is None


async def test_following_a_continuation_point_reads_everything_once() -> None:
    times = [second // 2 * 1_000_000 for second in range(12_001)]
    history = _history(times, shown=len(times))
    found: list[float] = []
    start = to_datetime(0)
    while start is not None:
        values, start = await history.read_node_history(_NODE, start, to_datetime(times[-1]), 0)
        found += [one.Value.Value for one in values]
    assert found == [float(row) for row in range(12_001)]


async def test_a_start_after_the_end_reads_backwards() -> None:
    history = _history([1_000_000, 2_000_000, 3_000_000], shown=3)
    values, _ = await history.read_node_history(_NODE, to_datetime(3_000_000), to_datetime(2_000_000), 0)
    assert [to_us(one.SourceTimestamp) for one in values] == [3_000_000, 2_000_000]


async def test_other_nodes_have_no_history() -> None:
    other = ua.NodeId.from_string("ns=2;s=m/b")
    assert await _history([1], shown=1).read_node_history(other, None, None, 0) == ([], None)
