"""HistoryRead over a recording, up to the row the plant shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt
from asyncua import ua
from asyncua.common.events import Event
from asyncua.server.history import HistoryStorageInterface

from core.contracts.reading import to_datetime, to_us

_PAGE = 5_000


@dataclass(frozen=True, slots=True)
class HistorisedSignal:
    """One node's rows.

    Attributes:
        ts_us: timestamps of all rows, in row order.
        value_at: the data value of a row.
        rows_shown: how many rows the plant has shown so far.
    """

    ts_us: npt.NDArray[np.int64]
    value_at: Callable[[int], ua.DataValue]
    rows_shown: Callable[[], int]


class RecordingHistory(HistoryStorageInterface):
    """asyncua's history storage; nothing is stored, the recording is the history.

    Rows come in the order of their timestamps, backwards if the start lies after the end, or is missing while a
    number of values is given (OPC UA Part 11, section 6.5.3). A page never ends between rows of one timestamp, because
    the continuation point is a timestamp.
    """

    def __init__(self, signals: dict[ua.NodeId, HistorisedSignal]) -> None:
        super().__init__(max_history_data_response_size=_PAGE)
        self._signals = signals
        self.pages_read = 0
        """Pages handed out so far, of all nodes."""

    async def init(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Nothing to close."""

    async def new_historized_node(self, node_id: ua.NodeId, period: timedelta | None, count: int = 0) -> None:
        """The set of historised nodes is fixed."""

    async def save_node_value(self, node_id: ua.NodeId, datavalue: ua.DataValue) -> None:
        """Values are read from the recording, never saved."""

    async def read_node_history(
        self, node_id: ua.NodeId, start: datetime | None, end: datetime | None, nb_values: int
    ) -> tuple[list[ua.DataValue], datetime | None]:
        """Rows between two timestamps, both included, and where the next page starts."""
        self.pages_read += 1
        signal = self._signals.get(node_id)
        if signal is None:
            return [], None
        times = signal.ts_us[: signal.rows_shown()]
        low, high = _bound(start), _bound(end)
        # Without a start asyncua cannot tell a following page from a first one, so only a page of known size, which
        # has none, is read backwards from the end.
        backwards = (low is None and nb_values > 0) or (low is not None and high is not None and low > high)
        rows = rows_between(times, high if backwards else low, low if backwards else high)
        rows = rows[::-1] if backwards else rows
        size = min(nb_values, _PAGE) if nb_values else _PAGE
        page = page_end(times[rows], size)
        following = to_datetime(int(times[rows[page]])) if page < len(rows) else None
        return [signal.value_at(int(row)) for row in rows[:page]], following

    async def new_historized_event(
        self, source_id: ua.NodeId, evtypes: object, period: timedelta | None, count: int = 0
    ) -> None:
        """The plant has no events."""

    async def save_event(self, event: object) -> None:
        """The plant has no events."""

    async def read_event_history(
        self,
        source_id: ua.NodeId,  # noqa: ARG002  asyncua's interface
        start: datetime | None,  # noqa: ARG002
        end: datetime | None,  # noqa: ARG002
        nb_values: int,  # noqa: ARG002
        evfilter: object,  # noqa: ARG002
    ) -> tuple[list[Event], datetime | None]:
        """The plant has no events."""
        return [], None


def rows_between(times: npt.NDArray[np.int64], low: int | None, high: int | None) -> npt.NDArray[np.intp]:
    """Rows whose timestamp lies between both bounds, in the order of time; None is no bound."""
    order = np.argsort(times, kind="stable")
    ordered = times[order]
    first = 0 if low is None else int(np.searchsorted(ordered, low, side="left"))
    last = len(ordered) if high is None else int(np.searchsorted(ordered, high, side="right"))
    return order[first:last]


def page_end(times: npt.NDArray[np.int64], size: int) -> int:
    """Where a page of about `size` rows ends without parting rows of one timestamp."""
    if len(times) <= size:
        return len(times)
    last = times[size - 1]
    while size < len(times) and times[size] == last:
        size += 1
    return size


def _bound(moment: datetime | None) -> int | None:
    return None if moment is None or moment == ua.get_win_epoch() else to_us(moment)
