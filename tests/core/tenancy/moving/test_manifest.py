"""A folder is an export only if it is, byte for byte, what was written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from core.errors import InputError
from core.tenancy.moving import Content, Manifest
from core.tenancy.moving.checksum import checksum_of
from core.tenancy.moving.manifest import FILE, FORMAT, ExportedTenant, digests

TENANT = ExportedTenant(UUID(int=7), "acme-works", "Acme", "active", "2026-01-01T00:00:00+00:00")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "platform").mkdir()
    (tmp_path / "platform" / "roles.jsonl").write_text('{"code": "admin"}\n')
    (tmp_path / "lake").mkdir()
    (tmp_path / "lake" / "part.parquet").write_bytes(b"\0" * 3_000_000)
    contents = {"platform.roles": Content(1, "ab"), "lake.bronze/readings": Content(2, "cd", "version 3")}
    Manifest(FORMAT, "1.0", "0010", "now", TENANT, contents, digests(tmp_path), ["a note"]).write(tmp_path)
    return tmp_path


def test_what_was_written_is_read(folder: Path):
    manifest = Manifest.read(folder)

    assert (manifest.tenant, manifest.rows, manifest.notes) == (TENANT, 3, ["a note"])
    assert manifest.contents["lake.bronze/readings"] == Content(2, "cd", "version 3")
    assert sorted(manifest.files) == ["lake/part.parquet", "platform/roles.jsonl"]


def truncate(folder: Path) -> None:
    with (folder / "lake" / "part.parquet").open("r+b") as file:
        file.truncate(2_999_999)


def flip(folder: Path) -> None:
    file = folder / "platform" / "roles.jsonl"
    file.write_bytes(file.read_bytes().replace(b"admin", b"Admin"))


def link(folder: Path) -> None:
    (folder / "lake" / "part.parquet").rename(folder.parent / "elsewhere")
    (folder / "lake" / "part.parquet").symlink_to(folder.parent / "elsewhere")


def rewritten(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        body = json.loads((folder / FILE).read_text())
        (folder / FILE).write_text(json.dumps(body | changes))

    return change


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / FILE).unlink(), "not a whole export"),
        (lambda folder: (folder / FILE).write_text('{"format": 1, '), "it cannot be read"),
        (lambda folder: (folder / FILE).write_text("[]"), "it cannot be read"),
        (rewritten(format=FORMAT + 1, more="fields"), "another format"),
        (rewritten(tenant={"id": "x"}), "it was changed"),
        (rewritten(files={}), "it was changed"),
        (lambda folder: (folder / "platform" / "roles.jsonl").unlink(), "it is missing"),
        (truncate, "it was changed"),
        (flip, "it was changed"),
        (link, "it was changed"),
        (lambda folder: (folder / "platform" / "extra.jsonl").write_text("{}"), "it does not belong"),
    ],
)
def test_what_is_not_what_was_written_is_refused(folder: Path, damage: Callable[[Path], object], said: str):
    damage(folder)

    with pytest.raises(InputError, match=said):
        Manifest.read(folder)


def test_a_checksum_does_not_ask_for_an_order():
    assert checksum_of([b"a", b"b"]) == checksum_of([b"b", b"a"])
    assert checksum_of([b"a", b"b"]) != checksum_of([b"ab"])
    assert checksum_of([b"a", b"a"]) != checksum_of([b"a"])
