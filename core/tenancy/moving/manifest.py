"""What an export says about itself, and whether a folder still is that export. Nothing here knows a database."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from core.errors import InputError
from core.tenancy.moving.holding import Content

FILE = "manifest.json"
FORMAT = 1
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class ExportedTenant:
    """The tenant as the registry had it."""

    id: UUID
    slug: str
    name: str
    status: str
    created_at: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The manifest of one export.

    Attributes:
        format: of the folder.
        product: version of the product that wrote it.
        schema: revision of the platform database it was written from.
        exported_at: ISO 8601, UTC.
        tenant: whose.
        contents: what each table, topic and folder held, by `<holding>.<name>`.
        files: SHA-256 of every other file, by path within the folder.
        notes: what whoever keeps or imports the folder should know.
    """

    format: int
    product: str
    schema: str
    exported_at: str
    tenant: ExportedTenant
    contents: dict[str, Content]
    files: dict[str, str]
    notes: list[str]

    @property
    def rows(self) -> int:
        """All rows, records and files together."""
        return sum(one.rows for one in self.contents.values())

    def write(self, folder: Path) -> str:
        """Write it; returns its own SHA-256, which stands in it too."""
        body: dict[str, Any] = json.loads(json.dumps(asdict(self), default=str))
        digest = digest_of(body)
        (folder / FILE).write_text(json.dumps(body | {"sha256": digest}, indent=1) + "\n", encoding="utf-8")
        return digest

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The manifest of a folder, once it and every file are found to be what was written.

        Raises:
            InputError: no whole export, or a newer one: names the first thing that is missing, changed or too much.
        """
        body = _body(folder)
        if body.get("format") != FORMAT:
            raise InputError(
                "export has another format than this version reads",
                expected=str(FORMAT),
                received=body.get("format"),
                where=str(folder / FILE),
                next_step="update this installation first",
            )
        told = body.pop("sha256", None)
        if told != digest_of(body):
            raise _damaged(folder / FILE, "it was changed")
        try:
            manifest = TypeAdapter(cls).validate_python(body)
        except ValidationError as error:
            raise _damaged(folder / FILE, "it does not say what it should") from error
        manifest._check_files(folder)
        return manifest

    def _check_files(self, folder: Path) -> None:
        found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if not path.is_dir()}
        found.pop(FILE, None)
        for name, digest in sorted(self.files.items()):
            if name not in found:
                raise _damaged(folder / name, "it is missing")
            if found[name].is_symlink() or digest_of_file(found[name]) != digest:
                raise _damaged(folder / name, "it was changed")
        strange = sorted(found.keys() - self.files.keys())
        if strange:
            raise _damaged(folder / strange[0], "it does not belong to the export")


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file in a folder, by path within it."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): digest_of_file(path) for path in files}


def digest_of_file(path: Path) -> str:
    """SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _body(folder: Path) -> dict[str, Any]:
    try:
        body = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(
            "not a whole export of a tenant", expected=f"a {FILE}", where=str(folder), next_step="export it again"
        ) from error
    except (OSError, ValueError) as error:
        raise _damaged(folder / FILE, "it cannot be read") from error
    if not isinstance(body, dict):
        raise _damaged(folder / FILE, "it cannot be read")
    return body


def digest_of(body: dict[str, Any]) -> str:
    """SHA-256 of a manifest without its own."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _damaged(path: Path, how: str) -> InputError:
    return InputError(
        f"a file of the export is not what was written: {how}", where=str(path), next_step="use an undamaged copy"
    )
