"""What the contract remembers of one series between two steps, and its written form."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from bridge.contract.forward import LastForwarded
from bridge.contract.windows import OpenWindow, WindowState


@dataclass(slots=True)
class SeriesState:
    """Value last forwarded, windows by their written form, names of raised rules."""

    last: LastForwarded = field(default_factory=LastForwarded)
    windows: dict[str, WindowState] = field(default_factory=dict[str, WindowState])
    raised: set[str] = field(default_factory=set[str])

    def dump(self) -> str:
        """JSON; every float comes back bit for bit."""
        windows = {
            every: [state.newest, {start: box.written() for start, box in state.open.items()}, state.points]
            for every, state in self.windows.items()
        }
        return json.dumps([self.last.value, self.last.ts_us, windows, sorted(self.raised)])

    @classmethod
    def load(cls, text: str) -> SeriesState:
        """The state that was dumped."""
        value, ts_us, windows, raised = json.loads(text)
        return cls(
            last=LastForwarded(value, ts_us),
            windows={
                every: WindowState(
                    newest,
                    {int(start): OpenWindow(*box) for start, box in boxes.items()},
                    [(ts, value) for points in more for ts, value in points],
                )
                for every, (newest, boxes, *more) in windows.items()  # state of an earlier release has no points
            },
            raised=set(raised),
        )
