"""What a driver is: a few verbs over one endpoint. Reconnecting, pacing and batching belong to the runner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import NamedTuple, Protocol, Self

from bridge.block import Block
from core.contracts.reading import Sample
from core.errors import TerminalError, TransientError

Series = tuple[str, str]
"""(equipment id, signal): one line of samples."""


class DeviceLostError(TransientError):
    """The device does not answer; connecting again may help."""


class DeviceRefusedError(TerminalError):
    """The device answers, but not as the site file says; somebody has to change one of the two."""


class Repeat(NamedTuple):
    """All signals of one machine were read again, unchanged, at the same source time."""

    equipment_id: str
    ts_us: int


@dataclass(frozen=True, slots=True)
class Scan:
    """What one call of `read` brought.

    Attributes:
        samples: values in the order they were read.
        blocks: values that came many at a time, behind the samples.
        repeats: machines whose clock and values stood still; no sample was built for them.
        complete: a polled device has been visited once round; the runner pauses here.
        unfilled: machines whose device keeps no history, and who come back with this scan or a later one: what passed
            while nobody was connected is lost.
        left_out: signals that are done without for now, because what the device sends of them cannot be decoded.
    """

    samples: list[Sample]
    repeats: list[Repeat] = field(default_factory=list[Repeat])
    complete: bool = False
    unfilled: frozenset[str] = frozenset()
    blocks: list[Block] = field(default_factory=list[Block])
    left_out: tuple[Series, ...] = ()

    @property
    def rows(self) -> int:
        """How many values that are."""
        return len(self.samples) + sum(map(len, self.blocks))


class Driver(Protocol):
    """One connection to one endpoint, its configuration complete when it is built."""

    clocked: bool
    """Samples of one machine come in equal steps of its own clock, so that a jump of it is a missed scan."""

    async def connect(self, newest: Mapping[Series, int], away_s: float) -> None:
        """Open the connection and take up where reading ended.

        Args:
            newest: source time (microseconds) of the newest reading known of each series.
            away_s: how long ago the device was last heard of; 0 if it never was.

        Raises:
            DeviceLostError: the device cannot be reached.
            DeviceRefusedError: it refuses what the site file asks for.
        """
        ...

    async def read(self) -> Scan:
        """The next samples; waits for them if the device pushes.

        Raises:
            DeviceLostError: the connection is gone.
        """
        ...

    async def sample(self, equipment_id: str, signal: str) -> Sample:
        """Ask the device for one signal now, beside the regular reading and without a trace in it.

        Raises:
            DeviceLostError: the connection is gone, or the device does not answer.
            DeviceRefusedError: the device does not serve this signal.
        """
        ...

    async def write(self, equipment_id: str, signal: str, value: float) -> None:
        """Set one value, if the driver was built with leave to write that signal.

        Raises:
            DeniedError: nobody allowed this signal to be written.
            DeviceLostError: the connection is gone.
            DeviceRefusedError: the device refuses.
        """
        ...

    async def close(self) -> None:
        """Let go of the connection; safe to call twice."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
