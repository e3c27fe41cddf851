"""The log as a file, with a manifest that says what is in it and what it hashes to."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import AsyncIterable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from core.audit.record import AuditRecord
from core.errors import InputError

Format = Literal["jsonl", "csv"]
COLUMNS = (
    "tenant_id", "tenant", "seq", "at", "actor_kind", "actor", "acting_for", "interface", "request_id", "action",
    "target", "before", "after", "outcome", "previous_mac", "mac",
)  # fmt: skip
"""Of both formats, in this order; `tenant` is the slug, null where the tenant is gone or the platform's own chain."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What stands beside an exported file, `<file>.manifest.json`.

    Attributes:
        file: its name.
        format: `jsonl` or `csv`.
        sha256: of the file, as `sha256sum` prints it.
        records: lines, without the heading.
        filters: what was asked for.
        chains: for each chain its first and last position in the file and the hash of the last.
        exported_at: UTC.
    """

    file: str
    format: Format
    sha256: str
    records: int
    filters: Mapping[str, str]
    chains: Mapping[str, Mapping[str, Any]]
    exported_at: str

    def as_dict(self) -> dict[str, Any]:
        """As it is written."""
        return {name: getattr(self, name) for name in self.__slots__}


async def export(
    records: AsyncIterable[AuditRecord],
    path: Path,
    form: Format,
    *,
    slugs: Mapping[str, str],
    filters: Mapping[str, str],
) -> Manifest:
    """Write records to a file, then its manifest; neither is there under its name before it is complete.

    Args:
        records: oldest first.
        path: must not exist yet.
        form: JSON lines, or CSV whose cells never start like a formula.
        slugs: slug by id of the tenants there are.
        filters: for the manifest.

    Raises:
        InputError: the file exists or cannot be written.
    """
    manifest = path.with_name(f"{path.name}.manifest.json")
    if path.exists() or manifest.exists():
        raise InputError("the export exists already", where=str(path), next_step="name another file")
    # Of this process alone: another one that writes to the same name must neither be disturbed nor disturb.
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    line = _json_line if form == "jsonl" else _csv_line
    digest, written, spans = hashlib.sha256(), 0, dict[str, dict[str, Any]]()
    try:
        with part.open("wb") as file:
            if form == "csv":
                _put(_csv_cells(COLUMNS), file.write, digest.update)
            async for record in records:
                row = record.as_dict()
                row["tenant"] = slugs.get(row["tenant_id"] or "")
                _put(line({name: row[name] for name in COLUMNS}), file.write, digest.update)
                span = spans.setdefault(row["tenant_id"] or "platform", {"tenant": row["tenant"], "first": record.seq})
                span.update(last=record.seq, mac=record.mac)
                written += 1
        said = Manifest(
            path.name, form, digest.hexdigest(), written, dict(filters), spans, datetime.now(UTC).isoformat()
        )
        part.rename(path)
        manifest.write_text(json.dumps(said.as_dict(), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError("the export cannot be written", received=error.strerror, where=str(path)) from error
    finally:
        part.unlink(missing_ok=True)
    return said


def _put(text: str, *takers: Callable[[bytes], object]) -> None:
    for take in takers:
        take(text.encode())


def _json_line(row: Mapping[str, Any]) -> str:
    return json.dumps(row, ensure_ascii=False) + "\n"


def _csv_line(row: Mapping[str, Any]) -> str:
    return _csv_cells([_cell(name, value) for name, value in row.items()])


def _cell(name: str, value: Any) -> str:
    """A value as text; one that a spreadsheet would compute is led by an apostrophe, since strangers choose targets."""
    if value is None:
        return ""
    text = json.dumps(value, ensure_ascii=False) if name in ("before", "after") else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _csv_cells(cells: list[str] | tuple[str, ...]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()
