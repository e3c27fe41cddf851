"""Numeric readings of many series as columns: what a driver that receives hundreds at once hands over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from core.contracts.reading import READING_SCHEMA, Sample

if TYPE_CHECKING:
    from bridge.driver import Series

Codes = npt.NDArray[np.int32]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Qualities = npt.NDArray[np.uint32]


class Legend:
    """The series that the codes of some blocks stand for; one object for all blocks of a driver.

    Args:
        series: by code.
    """

    def __init__(self, series: Iterable[Series]) -> None:
        self.series = tuple(series)
        self.machine, self.machines = _encoded([machine for machine, _ in self.series])
        self.signal, self.signals = _encoded([signal for _, signal in self.series])

    def columns(self, site: str, code: Codes) -> tuple[pa.Array, pa.Array, pa.Array]:
        """The columns of names that every schema begins with: site, equipment and signal."""
        return (
            named(np.zeros(len(code), np.int32), pa.array([site], pa.string())),
            named(self.machine[code], self.machines),
            named(self.signal[code], self.signals),
        )


def _encoded(names: list[str]) -> tuple[Codes, pa.Array]:
    encoded = pa.array(names, pa.string()).dictionary_encode()
    return encoded.indices.to_numpy().astype(np.int32), encoded.dictionary


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Readings without text, in the order they came.

    Attributes:
        legend: what the codes stand for.
        code: place of each reading's series in the legend.
        ts: source time, microseconds since the epoch.
        value: any number where there is none; may be NaN or infinite.
        valid: whether there is a value.
        quality: OPC UA status code.
    """

    legend: Legend
    code: Codes
    ts: Ints
    value: Floats
    valid: Bools
    quality: Qualities

    def __len__(self) -> int:
        return len(self.code)

    def take(self, kept: Bools | slice) -> Block:
        """Some of the readings."""
        return Block(
            self.legend, self.code[kept], self.ts[kept], self.value[kept], self.valid[kept], self.quality[kept]
        )

    def samples(self) -> list[Sample]:
        """The same one by one."""
        series = [self.legend.series[code] for code in self.code.tolist()]
        pairs = zip(self.value.tolist(), self.valid.tolist(), strict=True)
        values = [value if valid else None for value, valid in pairs]
        return [
            Sample(machine, signal, ts, value, None, quality)
            for (machine, signal), ts, value, quality in zip(
                series, self.ts.tolist(), values, self.quality.tolist(), strict=True
            )
        ]

    def to_arrow(self, site: str) -> pa.RecordBatch:
        """Rows of `READING_SCHEMA`."""
        rows = len(self.code)
        return pa.RecordBatch.from_arrays(
            [
                *self.legend.columns(site, self.code),
                pa.array(self.ts).cast(READING_SCHEMA.field("ts").type),
                pa.array(self.value, mask=~self.valid),
                pa.nulls(rows, pa.string()),
                pa.array(self.quality),
            ],
            schema=READING_SCHEMA,
        )


def together(blocks: Sequence[Block]) -> Block:
    """Blocks of one legend as one."""
    if len(blocks) == 1:
        return blocks[0]
    return Block(
        blocks[0].legend,
        np.concatenate([one.code for one in blocks]),
        np.concatenate([one.ts for one in blocks]),
        np.concatenate([one.value for one in blocks]),
        np.concatenate([one.valid for one in blocks]),
        np.concatenate([one.quality for one in blocks]),
    )


def named(indices: Codes, names: pa.Array) -> pa.DictionaryArray:
    """A column of names whose dictionary holds those that occur, and no other."""
    occurs = np.zeros(len(names), np.bool_)
    occurs[indices] = True
    if not occurs.all():
        names = names.filter(pa.array(occurs))
        indices = (np.cumsum(occurs, dtype=np.int32) - 1)[indices]
    return pa.DictionaryArray.from_arrays(pa.array(indices), names)
