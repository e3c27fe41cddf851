"""Raw numbers of a device to the signal's unit, and back."""

from __future__ import annotations

from dataclasses import dataclass

from core.contracts.equipment import Signal


@dataclass(frozen=True, slots=True)
class Scaling:
    """`value = raw * factor + offset`.

    A factor of one tenth is a division by ten: 3 becomes 0.3 and not 0.30000000000000004.
    """

    factor: float = 1.0
    offset: float = 0.0

    @property
    def _divisor(self) -> float | None:
        inverse = round(1 / self.factor)
        return float(inverse) if abs(self.factor) < 1 and 1 / inverse == self.factor else None

    def terms(self) -> tuple[float, float, float]:
        """Factor, divisor and offset, of which factor or divisor is 1: `raw * factor / divisor + offset` is `apply`."""
        divisor = self._divisor
        return (self.factor, 1.0, self.offset) if divisor is None else (1.0, divisor, self.offset)

    def apply(self, raw: float) -> float:
        """The value of a raw number."""
        divisor = self._divisor
        return (raw / divisor if divisor is not None else raw * self.factor) + self.offset

    def invert(self, value: float) -> float:
        """The raw number of a value."""
        return (value - self.offset) / self.factor


def scaling_of(signal: Signal) -> Scaling | None:
    """The scaling of a signal; None if it has none."""
    if signal.scale == 1.0 and signal.offset == 0.0:
        return None
    return Scaling(signal.scale, signal.offset)
