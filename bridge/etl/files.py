"""Files to tables and back: CSV, Parquet, and JSON with one object a line."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from bridge.etl.frame import Frame, Reject, written
from core.errors import InputError

Format = Literal["csv", "parquet", "json"]


def read_file(path: Path, form: Format, delimiter: str = ",") -> Frame:
    """Rows of a file; a line that is none of its form is rejected, the others are read.

    Returns:
        CSV brings texts, with an empty cell as null; the others bring the types they have.

    Raises:
        InputError: the file is not of this form at all.
    """
    try:
        if form == "parquet":
            table = pq.ParquetFile(path).read()
            return Frame.of(table.cast(pa.schema([_plain(field) for field in table.schema])))
        text = path.read_text(encoding="utf-8-sig")
        return _csv(text, delimiter) if form == "csv" else _json(text)
    except OSError as error:
        raise InputError("file cannot be read", received=error.strerror or str(error), where=str(path)) from error
    except (pa.ArrowException, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"file is not {form}", received=str(error)[:200], where=str(path)) from error


def _plain(field: pa.Field) -> pa.Field:
    return pa.field(field.name, field.type.value_type) if pa.types.is_dictionary(field.type) else field


def _csv(text: str, delimiter: str) -> Frame:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    names = [name.strip() for name in next(reader, [])]
    if not names or len(set(names)) != len(names):
        raise csv.Error("no header, or a column named twice")
    columns: list[list[str | None]] = [[] for _ in names]
    numbers: list[int] = []
    rejects: list[Reject] = []
    number = 0
    for cells in reader:
        if not cells:
            continue
        number += 1
        if len(cells) != len(names):
            reason = f"{len(cells)} cells where the header has {len(names)}"
            rejects.append(Reject(number, reason, json.dumps(cells)[:4000]))
            continue
        numbers.append(number)
        for column, cell in zip(columns, cells, strict=True):
            column.append(cell if cell != "" else None)
    return _numbered(pa.table([pa.array(one, pa.string()) for one in columns], names=names), numbers, rejects)


def _json(text: str) -> Frame:
    rows: list[dict[str, Any]] = []
    numbers: list[int] = []
    rejects: list[Reject] = []
    for number, line in enumerate((one for one in text.splitlines() if one.strip()), 1):
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if isinstance(row, dict):
            rows.append(row)
            numbers.append(number)
        else:
            rejects.append(Reject(number, "not a JSON object", json.dumps(line)[:4000]))
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = pa.table([column([row.get(name) for row in rows]) for name in names], names=names)
    return _numbered(table, numbers, rejects)


def _numbered(table: pa.Table, numbers: list[int], rejects: list[Reject]) -> Frame:
    frame = Frame.of(table, rejects)
    frame.table = frame.table.set_column(table.num_columns, "__row__", pa.array(numbers, pa.int64()))
    return frame


def column(values: list[Any]) -> pa.Array:
    """Values as one column; of mixed types, or nested, they become texts."""
    try:
        found = pa.array(values)
    except (pa.ArrowException, OverflowError):
        found = None
    if found is None or pa.types.is_nested(found.type) or pa.types.is_binary(found.type):
        texts = [one if one is None or isinstance(one, str) else json.dumps(one, default=str) for one in values]
        return pa.array(texts, pa.string())
    return found.cast(pa.string()) if pa.types.is_null(found.type) else found


def write_file(path: Path, table: pa.Table, form: Format) -> None:
    """Write a table so that the file is whole or not there.

    Raises:
        InputError: the folder cannot be written.
    """
    fresh = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if form == "parquet":
            pq.write_table(table, fresh)
        elif form == "csv":
            pacsv.write_csv(table, fresh)
        else:
            fresh.write_text("".join(f"{written(row)}\n" for row in table.to_pylist()), encoding="utf-8")
        with fresh.open("rb") as file:
            os.fsync(file.fileno())
        fresh.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise InputError("file cannot be written", received=error.strerror or str(error), where=str(path)) from error
