"""A small bar chart as a picture that Dagster's page shows inside a materialisation's metadata."""

import base64
import struct
import zlib
from collections.abc import Sequence

_HEIGHT = 40
_MOST_BARS = 240
_INK, _PAPER = 0x40, 0xFF


def bars(values: Sequence[float], caption: str) -> str:
    """Markdown with a PNG of one bar a value, scaled to the largest; at most 240, the last ones.

    Args:
        values: not negative, in order.
        caption: what the bars are.
    """
    if not values:
        return f"{caption}: nothing"
    shown = list(values)[-_MOST_BARS:]
    top = max(shown) or 1.0
    heights = [round(_HEIGHT * value / top) for value in shown]
    width = 3 if len(shown) <= _MOST_BARS // 2 else 2
    rows = [_row(heights, _HEIGHT - y, width) for y in range(_HEIGHT)]
    picture = base64.b64encode(_png(rows)).decode()
    return f"![{caption}](data:image/png;base64,{picture})\n\n{caption}, highest {top:g}"


def _row(heights: Sequence[int], level: int, width: int) -> bytes:
    return b"".join(bytes([_INK if height >= level else _PAPER] * width + [_PAPER]) for height in heights)


def _png(rows: Sequence[bytes]) -> bytes:
    """An 8-bit greyscale picture (PNG specification, third edition, sections 5 and 11)."""
    header = struct.pack(">IIBBBBB", len(rows[0]), len(rows), 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(_chunk, (b"IHDR", b"IDAT", b"IEND"), (header, pixels, b"")))


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
