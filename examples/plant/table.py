"""A recording's files as named columns of raw cells, each row with the place it came from."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from core.contracts.recording import Recording
from core.errors import InputError

Cell = str | float | bool | None
_CSV_LIMIT = 1 << 24


@dataclass(slots=True)
class _File:
    path: Path
    names: list[str]
    """Header, or positions if there is none."""
    rows: list[list[Cell]]
    lines: list[int]


@dataclass(slots=True)
class RawTable:
    """Rows of one or more files, in file order."""

    files: list[_File]
    _starts: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self._starts = [0]
        for one in self.files:
            self._starts.append(self._starts[-1] + len(one.rows))

    def __len__(self) -> int:
        return self._starts[-1]

    @property
    def where(self) -> str:
        """The files, for an error."""
        first = str(self.files[0].path)
        return first if len(self.files) == 1 else f"{first} and {len(self.files) - 1} more"

    def place(self, row: int) -> str:
        """File and line of a row."""
        index = bisect_right(self._starts, row) - 1
        return f"{self.files[index].path}, line {self.files[index].lines[row - self._starts[index]]}"

    def column(self, name: str | int, wanted_by: str) -> list[Cell]:
        """Cells of one column over all files.

        Args:
            name: header, or position from 0.
            wanted_by: key of the site file that names it, for the error.

        Raises:
            InputError: a file does not have it.
        """
        found: list[Cell] = []
        for one in self.files:
            index = name if isinstance(name, int) else one.names.index(name) if name in one.names else -1
            if not 0 <= index < len(one.names):
                raise InputError(
                    f"no column {name!r} in the recording ({wanted_by})",
                    expected="one of " + ", ".join(one.names[:40]),
                    where=f"{one.path}, line 1",
                    next_step="correct `column` in the site file",
                )
            found.extend(row[index] for row in one.rows)
        return found


def recording_files(folder: Path, pattern: str) -> list[Path]:
    """Files a path or glob stands for, sorted by name.

    Raises:
        InputError: none.
    """
    plain = folder / pattern
    if plain.is_file():
        return [plain]
    at = Path(pattern)
    base, rest = (Path(at.anchor), str(at.relative_to(at.anchor))) if at.is_absolute() else (folder, pattern)
    found = sorted(path for path in base.glob(rest) if path.is_file())
    if not found:
        raise InputError(
            "recording is not there",
            expected="a file, or a glob that matches some, relative to the site file",
            received=pattern,
            where=str(folder),
        )
    return found


def read_table(paths: Sequence[Path], recording: Recording) -> RawTable:
    """Read files of one shape.

    Raises:
        InputError: a file cannot be read, is not UTF-8, not of its format, or a row has too few or too many cells.
    """
    read = _read_json if recording.format == "json" else _read_csv
    return RawTable([read(path, _text(path), recording) for path in paths])


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
        if raw[:2] == b"\x1f\x8b":
            raw = gzip.decompress(raw)
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InputError(
            "recording is not UTF-8", where=f"{path}, line {line}", next_step="convert the file"
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise InputError("recording cannot be read", received=str(error), where=str(path)) from error


def _read_csv(path: Path, text: str, recording: Recording) -> _File:
    csv.field_size_limit(_CSV_LIMIT)
    rows: list[list[Cell]] = []
    lines: list[int] = []
    names: list[str] | None = None
    for number, cells in _split(path, text, recording.delimiter):
        if not cells:
            continue
        if names is None:
            names = [cell.strip() for cell in cells] if recording.header else [str(i) for i in range(len(cells))]
            if recording.header:
                continue
        if len(cells) != len(names):
            raise InputError(
                "row does not fit the others",
                expected=f"{len(names)} cells",
                received=len(cells),
                where=f"{path}, line {number}",
                next_step="check `delimiter` and `header` in the site file",
            )
        rows.append(list(cells))
        lines.append(number)
    return _File(path, names or [], rows, lines)


def _split(path: Path, text: str, delimiter: str):
    if delimiter == "whitespace":
        yield from ((number, line.split()) for number, line in enumerate(text.splitlines(), start=1))
        return
    if len(delimiter) != 1:
        raise InputError("`delimiter` is wrong", expected="one character, or `whitespace`", received=delimiter)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for cells in reader:
            yield reader.line_num, cells
    except csv.Error as error:
        raise InputError("row is not CSV", received=str(error), where=f"{path}, line {reader.line_num}") from error


def _read_json(path: Path, text: str, recording: Recording) -> _File:
    del recording
    documents, lines = _documents(path, text)
    names = list(dict.fromkeys(key for document in documents for key in document))
    rows: list[list[Cell]] = [[_scalar(document.get(name), path, name) for name in names] for document in documents]
    return _File(path, names, rows, lines)


def _documents(path: Path, text: str) -> tuple[list[dict[str, Any]], list[int]]:
    """One array of objects, or one object a line; where they stand: line, or place in the array."""
    try:
        if text.lstrip().startswith("["):
            whole: list[Any] = json.loads(text)
            lines = list(range(1, len(whole) + 1))
        else:
            kept = [(n, line) for n, line in enumerate(text.splitlines(), start=1) if line.strip()]
            lines = [n for n, _ in kept]
            whole = [json.loads(line) for _, line in kept]
    except json.JSONDecodeError as error:
        raise InputError("recording is not JSON", received=error.msg, where=f"{path}, line {error.lineno}") from error
    for number, document in zip(lines, whole, strict=True):
        if not isinstance(document, dict):
            raise InputError("row is not an object", expected="an array of objects", where=f"{path}, line {number}")
    return cast("list[dict[str, Any]]", whole), lines


def _scalar(value: object, path: Path, name: str) -> Cell:
    if value is None or isinstance(value, (str, float, bool, int)):
        return value
    raise InputError(
        f"value of {name!r} is nested", expected="a number, a text or null", received=str(value)[:80], where=str(path)
    )
