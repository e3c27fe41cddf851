"""How large an Arrow IPC stream becomes: told by its metadata, before a byte of it is decompressed.

Arrow decompresses each buffer into as many bytes as its first eight say, so that a few kilobytes of zstd may ask for
gigabytes. Metadata are flatbuffers (Arrow columnar format, "Encapsulated message format" and `Message.fbs`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_U16, _I32, _U32, _I64 = (struct.Struct(f"<{code}") for code in "HiIq")
_CONTINUES = 0xFFFF_FFFF
_DICTIONARY, _ROWS = 2, 3
"""Kinds of messages with a body."""
_BUFFER_BYTES = 16
"""Of a buffer's place in the metadata: where it begins and how long it is."""


def expanded_bytes(stream: memoryview) -> int:
    """Bytes that all buffers of a stream have once they are decompressed.

    Raises:
        ValueError: it is no such stream.
    """
    try:
        return sum(_of_message(*message) for message in _messages(stream))
    except (struct.error, IndexError) as error:
        raise ValueError(f"metadata point outside the stream: {error}") from error


def _messages(stream: memoryview) -> Iterator[tuple[memoryview, memoryview]]:
    """Metadata and body of each message."""
    at = 0
    while at + _U32.size <= len(stream):
        (size,) = _U32.unpack_from(stream, at)
        at += _U32.size
        if size == _CONTINUES:
            (size,) = _U32.unpack_from(stream, at)
            at += _U32.size
        if size == 0:
            return
        metadata, at = stream[at : at + size], at + size
        message = _Table(metadata, _U32.unpack_from(metadata)[0])
        length = message.number(3, _I64)
        if length < 0 or at + length > len(stream):
            raise ValueError("a message is cut off")
        yield metadata, stream[at : at + length]
        at += length


def _of_message(metadata: memoryview, body: memoryview) -> int:
    message = _Table(metadata, _U32.unpack_from(metadata)[0])
    kind = message.number(1, struct.Struct("<B"))
    if kind not in (_DICTIONARY, _ROWS):
        return 0
    header = message.table(2)
    rows = header.table(1) if header is not None and kind == _DICTIONARY else header
    if rows is None:
        raise ValueError("a message has no header")
    # An older way says so in the message's own metadata, which nothing else stands in.
    compressed = rows.place(3) is not None or message.place(4) is not None
    return sum(_of_buffer(body, *buffer, compressed=compressed) for buffer in rows.buffers(2))


def _of_buffer(body: memoryview, start: int, length: int, *, compressed: bool) -> int:
    if start < 0 or length < 0 or start + length > len(body):
        raise ValueError("a buffer lies outside its message")
    if not compressed or length == 0:
        return length
    (expanded,) = _I64.unpack_from(body, start)
    return length if expanded < 0 else expanded


class _Table:
    """A flatbuffer's table: fields by number, each perhaps not there."""

    def __init__(self, data: memoryview, at: int) -> None:
        self._data, self._at = data, at
        self._fields = at - _I32.unpack_from(data, at)[0]
        if self._fields < 0:
            raise ValueError("metadata point outside themselves")
        (self._size,) = _U16.unpack_from(data, self._fields)

    def place(self, field: int) -> int | None:
        """Where a field lies; None if it has its default."""
        slot = 2 * _U16.size + field * _U16.size
        if slot + _U16.size > self._size:
            return None
        (offset,) = _U16.unpack_from(self._data, self._fields + slot)
        return self._at + offset if offset else None

    def number(self, field: int, kind: struct.Struct) -> int:
        """A number; 0 if it has its default."""
        place = self.place(field)
        return 0 if place is None else kind.unpack_from(self._data, place)[0]

    def table(self, field: int) -> _Table | None:
        """Another table."""
        place = self._followed(field)
        return None if place is None else _Table(self._data, place)

    def buffers(self, field: int) -> Iterator[tuple[int, int]]:
        """Start and length of each buffer of a list of them."""
        place = self._followed(field)
        if place is None:
            return
        (count,) = _U32.unpack_from(self._data, place)
        if count * _BUFFER_BYTES > len(self._data):
            raise ValueError("a list is longer than the metadata")
        for at in range(place + _U32.size, place + _U32.size + count * _BUFFER_BYTES, _BUFFER_BYTES):
            yield _I64.unpack_from(self._data, at)[0], _I64.unpack_from(self._data, at + _I64.size)[0]

    def _followed(self, field: int) -> int | None:
        place = self.place(field)
        return None if place is None else place + _U32.unpack_from(self._data, place)[0]
