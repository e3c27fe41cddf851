"""Notifications to readings: numbers as a block, the rest one by one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from asyncua import ua

from bridge.block import Block, Legend
from bridge.driver import Series
from bridge.drivers.opcua.changes import Changes, UnreadableItemError, read_changes
from bridge.drivers.opcua.decode import DATA_VALUE, OVERFLOW, Decoder, overflowed, without_overflow
from core.contracts.reading import Sample

_OVERFLOWED = np.uint32(DATA_VALUE | OVERFLOW)


@dataclass(slots=True)
class Received:
    """What a notification brought, of the signals that were asked for.

    Attributes:
        samples: what is no plain number, and everything of a signal that came as both.
        block: plain numbers; they come behind the samples.
        overflowed: signals of which the server's queue lost values before this one.
    """

    samples: list[Sample] = field(default_factory=list[Sample])
    block: Block | None = None
    overflowed: set[Series] = field(default_factory=set[Series])


class Receiver:
    """Reads notifications of one endpoint.

    Args:
        series: in the order of their handles, of which 1 is the first.
        decoder: makes samples of data values, and knows each signal's rule.
    """

    def __init__(self, series: Iterable[Series], decoder: Decoder) -> None:
        self._legend = Legend(series)
        self._decoder = decoder
        size = len(self._legend.series)
        self._apart: frozenset[int] = frozenset()
        self._factor, self._divisor, self._offset = np.ones(size), np.ones(size), np.zeros(size)
        self._scaled = np.zeros(size, np.bool_)
        for code, one in enumerate(self._legend.series):
            rule = decoder.rule(one)
            if rule.element is not None:
                self._apart |= {code + 1}
            elif rule.scaling is not None:
                self._scaled[code] = True
                self._factor[code], self._divisor[code], self._offset[code] = rule.scaling.terms()

    def receive(self, body: bytes) -> Received:
        """Read one notification.

        Raises:
            UnreadableItemError: an item cannot be read.
            ua.UaError: it is cut off.
        """
        changes = read_changes(body, self._apart)
        both = {one.handle for one in changes.odd}.intersection(changes.handle.tolist()) if changes.odd else set[int]()
        if both:
            # A signal's readings stay in their order: what comes once as no number is read one by one throughout.
            changes = read_changes(body, self._apart | both)
        taken = Received()
        series = self._legend.series
        for one in changes.odd:
            if 1 <= one.handle <= len(series):
                taken.samples.append(self._sample(series[one.handle - 1], one.value, taken))
        block = self._block(changes, taken)
        taken.block = block if len(block) else None
        return taken

    def blamed(self, error: UnreadableItemError) -> Series | None:
        """Whose item it is that cannot be read.

        One whose handle is nobody's begins where none begins: it is the item before it that said a wrong length.
        """
        series = self._legend.series
        known = (one for one in (error.handle, error.before) if 1 <= one <= len(series))
        return next((series[one - 1] for one in known), None)

    def _sample(self, series: Series, value: ua.DataValue, taken: Received) -> Sample:
        sample = self._decoder.sample(series, value)
        if overflowed(sample.quality):
            taken.overflowed.add(series)
            return sample._replace(quality=without_overflow(sample.quality))
        return sample

    def _block(self, changes: Changes, taken: Received) -> Block:
        code = (changes.handle - 1).astype(np.int32)
        block = Block(self._legend, code, changes.ts, changes.value, changes.valid, changes.quality)
        known = (changes.handle >= 1) & (changes.handle <= len(self._legend.series))
        if not known.all():
            block = block.take(known)
        lost = (block.quality & _OVERFLOWED) == _OVERFLOWED
        if lost.any():
            taken.overflowed |= {self._legend.series[one] for one in block.code[lost].tolist()}
            block.quality[lost] = [without_overflow(one) for one in block.quality[lost].tolist()]
        scaled = self._scaled[block.code] & block.valid
        if scaled.any():
            where = block.code[scaled]
            with np.errstate(over="ignore", invalid="ignore"):
                scaled_value = block.value[scaled] * self._factor[where] / self._divisor[where] + self._offset[where]
            block.value[scaled] = scaled_value
        return block
