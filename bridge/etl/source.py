"""Where a pipeline's rows come from: inputs that are each read, loaded and remembered as one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bridge.etl.files import read_file
from bridge.etl.form import Files, Source
from bridge.etl.frame import Frame
from bridge.etl.memory import Memory
from bridge.etl.past import history_inputs
from bridge.etl.place import Place
from bridge.etl.tables import sqlite_inputs
from core import clock
from core.errors import InputError

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Input:
    """One input.

    Attributes:
        name: what people call it.
        sha256: of its content, or of what names it if its content never changes.
        read: brings its rows.
        stamp: size and time of a file, by which it is known unread.
        cursor: what the source is to remember once this is loaded.
    """

    name: str
    sha256: str
    read: Callable[[], Frame]
    stamp: str = ""
    cursor: str | None = None


def inputs(source: Source, place: Place, memory: Memory, home: Path, max_bytes: int) -> Iterator[Input]:
    """Inputs that were not loaded yet, oldest first; ask for the next one when the last one is loaded.

    Raises:
        InputError: the source cannot be read at all.
    """
    if source.files is not None:
        yield from _files(source.files, place, memory, max_bytes)
    elif source.historian is not None:
        for name, cursor, frame in history_inputs(source.historian, home, memory.cursor()):
            yield Input(name, hashlib.sha256(name.encode()).hexdigest(), partial(_here, frame), cursor=cursor)
    elif source.sqlite is not None:
        for name, sha256, cursor, frame in sqlite_inputs(source.sqlite, place, memory.cursor()):
            if not memory.knows(sha256):
                yield Input(name, sha256, partial(_here, frame), cursor=cursor)


def _here(frame: Frame) -> Frame:
    return frame


def _files(source: Files, place: Place, memory: Memory, max_bytes: int) -> Iterator[Input]:
    folder = place.resolve(source.folder)
    if not folder.is_dir():
        raise InputError("no such folder of files", where=str(folder), next_step="correct `source.files.folder`")
    settled = clock.now_us() / 1e6 - source.settle_s
    for path in sorted(folder.glob(source.pattern)):
        if not path.is_file() or path.name.startswith("."):
            continue
        state = path.stat()
        stamp = f"{state.st_size}:{state.st_mtime_ns}"
        if state.st_mtime > settled or memory.knows_file(path.name, stamp):
            continue
        sha256 = _digest(path)
        if memory.knows(sha256):
            continue

        def read(path: Path = path, size: int = state.st_size) -> Frame:
            if size > max_bytes:
                raise InputError(
                    "file is too large for a pipeline",
                    expected=f"at most {max_bytes} bytes",
                    received=size,
                    where=str(path),
                    next_step="split it, or raise bridge.pipeline_max_file_bytes",
                )
            return read_file(path, source.format, source.delimiter)

        yield Input(path.name, sha256, read, stamp=stamp)


def _digest(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()
