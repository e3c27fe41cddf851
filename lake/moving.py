"""A tenant's lake as files: copied out at consistent versions, copied in, removed.

A table travels with its log, so that evidence of yesterday can still be fetched at the version it cites.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

import pyarrow.fs as pafs
from deltalake import DeltaTable
from deltalake.fs import DeltaStorageHandler

from core.db import TenantScope
from core.errors import TerminalError, TransientError
from core.tenancy.moving import Content, Contents
from core.tenancy.moving.checksum import checksum_of
from lake.spec import Layer
from lake.store import Lake, TenantLake

_LOG = "_delta_log"
_BESIDE = "files beside tables"
_CHUNK = 1 << 20
_NUMBERED = re.compile(r"(\d{20})\.(json|checkpoint(\.\d+\.\d+)?\.parquet)")


class LakeTables:
    """Implements `Holding` over a folder or an object store."""

    name = "lake"

    def __init__(self, lake: Lake) -> None:
        self._lake = lake

    async def export(self, scope: TenantScope, to: Path) -> Contents:
        """Every table at the version it has now, every other file as it is."""
        return await asyncio.to_thread(_copy_out, self._lake.tenant(scope.slug), to)

    async def remains(self, scope: TenantScope) -> str | None:
        """Files under the root the tenant will have.

        Raises:
            TerminalError: the store takes one writer, and a sink or a build is it: an import would be refused half-way.
        """
        lake = self._lake.tenant(scope.slug)
        # Where several may write nobody is in the way: no other process knows of a tenant that is being brought in.
        for layer in (Layer.BRONZE, Layer.GOLD):
            await asyncio.to_thread(self._lake.turns.sit, layer)
        return f"files under {lake.root}" if await asyncio.to_thread(lambda: _listed(_files(lake))) else None

    async def restore(self, scope: TenantScope, source: Path) -> Contents:
        """Copy in; rows are counted by opening every table, and checksums read from what was written."""
        return await asyncio.to_thread(_copy_in, self._lake.tenant(scope.slug), source)

    async def remove(self, scope: TenantScope) -> None:
        """Everything under the tenant's root."""
        await asyncio.to_thread(_remove, self._lake.tenant(scope.slug))


def _copy_out(lake: TenantLake, to: Path) -> Contents:
    files = _files(lake)
    listed = _listed(files)
    tables = _tables_in(listed)
    contents: dict[str, Content] = {}
    for table in tables:
        opened = _open(lake, table)
        copied = {name: _copy(files, name, to / name) for name in _of_version(files, opened, table, listed, lake)}
        contents[table] = Content(opened.count(), _checksum(copied), f"version {opened.version()}")
    beside = {name: _copy(files, name, to / name) for name in listed if _table_of(name, tables) is None}
    return {**contents, _BESIDE: Content(len(beside), _checksum(beside))}


def _of_version(
    files: pafs.FileSystem, opened: DeltaTable, table: str, listed: list[str], lake: TenantLake
) -> Iterator[str]:
    """Files of a table that belong to the version it was opened at or to one before it.

    What a commit after that adds stays out: log and data of the copy tell of the same moment.
    """
    version = opened.version()
    present = {name.removeprefix(f"{table}/") for name in listed if name.startswith(f"{table}/")}
    wanted: set[str] = _data_files(opened)
    for name in present:
        file = PurePosixPath(name)
        number = _NUMBERED.fullmatch(file.name) if file.parent.name == _LOG else None
        if number is None or int(number[1]) > version:
            continue
        wanted.add(name)
        if number[2] == "json":
            wanted |= _added(files, f"{table}/{name}")
        else:
            wanted |= _data_files(_open(lake, table, int(number[1])))
    pointer = f"{_LOG}/_last_checkpoint"
    if pointer in present and _checkpoint(files, f"{table}/{pointer}") <= version:
        wanted.add(pointer)
    return (f"{table}/{name}" for name in sorted(wanted & present))


def _data_files(table: DeltaTable) -> set[str]:
    return {unquote(path) for path in table.get_add_actions(flatten=True).column("path").to_pylist()}


def _added(files: pafs.FileSystem, commit: str) -> set[str]:
    actions = (json.loads(line) for line in _bytes(files, commit).splitlines() if line.strip())
    return {unquote(action["add"]["path"]) for action in actions if "add" in action}


def _checkpoint(files: pafs.FileSystem, pointer: str) -> int:
    return int(json.loads(_bytes(files, pointer))["version"])


def _bytes(files: pafs.FileSystem, name: str) -> bytes:
    with files.open_input_stream(name, compression=None) as stream:
        return stream.read()


def _copy(files: pafs.FileSystem, name: str, to: Path) -> str:
    """Copy a file out; returns its SHA-256."""
    to.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    try:
        with files.open_input_stream(name, compression=None) as source, to.open("wb") as target:
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                target.write(chunk)
    except FileNotFoundError as error:
        raise TransientError(
            "a file of the lake was cleaned away while it was copied", where=name, next_step="export again"
        ) from error
    return digest.hexdigest()


def _copy_in(lake: TenantLake, source: Path) -> Contents:
    files = _files(lake, create=True)
    # Data before log: a table is there from its first commit on, and is then whole.
    names = sorted((path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()), key=_log_last)
    for name in names:
        if isinstance(files, pafs.SubTreeFileSystem):
            files.create_dir(str(PurePosixPath(name).parent), recursive=True)
        # Buffered, for a store's own stream takes bytes only and would be handed Arrow's buffers.
        with (
            (source / name).open("rb") as stream,
            files.open_output_stream(name, compression=None, buffer_size=2 * _CHUNK) as target,
        ):
            shutil.copyfileobj(stream, target, _CHUNK)
    tables = _tables_in(names)
    of: dict[str | None, dict[str, str]] = {table: {} for table in (*tables, None)}
    for name in _listed(files):
        of[_table_of(name, tables)][name] = _digest(files, name)
    contents = {table: Content(_open(lake, table).count(), _checksum(of[table])) for table in tables}
    return {**contents, _BESIDE: Content(len(of[None]), _checksum(of[None]))}


def _open(lake: TenantLake, table: str, version: int | None = None) -> DeltaTable:
    return DeltaTable(f"{lake.root}/{table}", version=version, storage_options=lake.storage_options)


def _digest(files: pafs.FileSystem, name: str) -> str:
    digest = hashlib.sha256()
    with files.open_input_stream(name, compression=None) as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _checksum(digests: Mapping[str, str]) -> str:
    """Over names and contents of files."""
    return checksum_of(f"{name} {digest}".encode() for name, digest in digests.items())


def _table_of(name: str, tables: list[str]) -> str | None:
    return next((table for table in tables if name.startswith(f"{table}/")), None)


def _log_last(name: str) -> tuple[bool, str]:
    return f"/{_LOG}/" in name, name


def _remove(lake: TenantLake) -> None:
    if "://" not in lake.root:
        shutil.rmtree(lake.root, ignore_errors=True)
        if Path(lake.root).exists():
            raise TerminalError("the tenant's lake cannot be removed", where=lake.root)
        return
    files = _files(lake)
    for name in _listed(files):
        files.delete_file(name)


def _tables_in(names: list[str]) -> list[str]:
    """Paths of the Delta tables among some files."""
    return sorted({name.partition(f"/{_LOG}/")[0] for name in names if f"/{_LOG}/" in name})


def _listed(files: pafs.FileSystem) -> list[str]:
    try:
        found = files.get_file_info(pafs.FileSelector("", recursive=True))
    except FileNotFoundError:
        return []
    return sorted(one.path.lstrip("/") for one in found if one.type is pafs.FileType.File)


def _files(lake: TenantLake, *, create: bool = False) -> pafs.FileSystem:
    """The tenant's root as a file system."""
    if "://" in lake.root:
        return pafs.PyFileSystem(DeltaStorageHandler(lake.root, lake.storage_options or None))
    if create:
        Path(lake.root).mkdir(parents=True, exist_ok=True)
    return pafs.SubTreeFileSystem(lake.root, pafs.LocalFileSystem())
