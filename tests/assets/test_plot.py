"""The bar chart is a picture that decodes to its bars."""

from __future__ import annotations

import base64
import re
import struct
import zlib

from assets.plot import bars


def pixels(markdown: str) -> list[bytes]:
    """Rows of the picture, without the filter byte."""
    png = base64.b64decode(re.findall(r"base64,([^)]+)\)", markdown)[0])
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    start = png.index(b"IDAT")
    (length,) = struct.unpack(">I", png[start - 4 : start])
    raw = zlib.decompress(png[start + 4 : start + 4 + length])
    return [raw[row * (width + 1) + 1 : (row + 1) * (width + 1)] for row in range(height)]


def test_bars_rise_with_their_values():
    rows = pixels(bars([0.0, 1.0, 2.0, 4.0], "rows by day"))
    heights = [sum(row[4 * place] == 0x40 for row in rows) for place in range(4)]
    assert heights == [0, 10, 20, 40]


def test_only_the_last_bars_are_drawn_and_nothing_needs_no_picture():
    assert len(pixels(bars([1.0] * 500, "rows"))[0]) == 240 * 3
    assert bars([], "rows") == "rows: nothing"
