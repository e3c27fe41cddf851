"""Files that leave the installation: A's export folder, kind by kind, and A's audit log in both forms."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args
from uuid import UUID
from weakref import WeakKeyDictionary

import pyarrow.parquet as pq

from core.audit.export import Format, export
from core.audit.reading import Filters, oldest
from core.errors import DeniedError
from core.run.cluster import binaries
from core.settings import as_environment
from core.tenancy.moving import Holdings
from tests.isolation.attempt import Attempt
from tests.isolation.world import A, B, World

NOT_A_DOOR = {
    "exports.log": "no record waits in either's topics; tests/cli/test_moving.py exports a log that holds both",
    "exports.dagster": "this installation has no Dagster; tests/cli/test_moving.py exports beside one",
}
_FOLDERS = {"rows": "platform"}
"""Kinds of thing whose folder has another name."""
_AUDIT: dict[str, Format] = {f"audit_{form}": form for form in get_args(Format)}
_ROOT = Path(__file__).parents[3]
_made: WeakKeyDictionary[World, asyncio.Task[dict[str, str]]] = WeakKeyDictionary()
"""One export is looked at by every attempt."""


def found(world: World) -> set[str]:
    """Every kind of thing a tenant's export holds, its manifest, and every form of an audit export."""
    del world
    return {f"exports.{name}" for name in ("manifest", *_AUDIT, *(one.name for one in fields(Holdings)))}


def attempts(world: World) -> Iterator[Attempt]:
    """What was written for A, read as text; then audit exports under A's policies that ask for what is B's."""
    for door in sorted(found(world) - NOT_A_DOOR.keys()):
        kind = door.removeprefix("exports.")
        if kind not in _AUDIT:
            yield Attempt(door, "read what was written", A, _read(world, kind), own=True)
            continue
        yield Attempt(door, "own thing", A, _audit(world, _AUDIT[kind], "target"), own=True)
        for name in ("chain", "actor", "action", "target", "request_id"):
            for text in (str(world.b.scope.id), B, f"*{B}*", "*hidden*", "*"):
                if name != "chain" or text == str(world.b.scope.id):
                    yield Attempt(door, f"the other's {name}", text, _audit(world, _AUDIT[kind], name))


def _audit(world: World, form: Format, name: str) -> Callable[[str], Awaitable[Any]]:
    async def call(text: str) -> Any:
        chosen: dict[str, Any] = {name: UUID(text) if name == "chain" else text}
        slugs = {str(one.id): one.slug for one in await world.tenancy.list()}
        with tempfile.TemporaryDirectory(prefix="goldlayer-") as folder:
            file = Path(folder) / "audit"
            async with world.tenancy.platform.transaction(world.a.scope.id, readonly=True) as transaction:
                records = oldest(transaction, Filters(**chosen))
                manifest = await export(records, file, form, slugs=slugs, filters={})
            return {"records": manifest.records, "chains": manifest.chains, "file": file.read_text(encoding="utf-8")}

    return call


def _read(world: World, name: str) -> Callable[[str], Awaitable[Any]]:
    async def call(_: str) -> Any:
        if world not in _made:
            _made[world] = asyncio.create_task(_export(world))
        text = (await _made[world]).get(_FOLDERS.get(name, name))
        if not text:
            raise DeniedError("nothing was written")
        return text

    return call


async def _export(world: World) -> dict[str, str]:
    """The command, as an operator types it; the text of what it wrote by kind."""
    folder = Path(tempfile.mkdtemp(prefix="goldlayer-"))
    try:
        out = folder / "out"
        await _run(world, "tenants", "export", A, str(out), "--secrets", str(folder / "key"))
        texts = {one.name: _texts(one) for one in out.iterdir() if one.is_dir()}
        texts["manifest"] = (out / "manifest.json").read_text(encoding="utf-8")
        return texts
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _run(world: World, *words: str) -> None:
    installation = world.installation
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cli.main",
        *words,
        "--run",
        str(installation.run.path),
        cwd=_ROOT,
        env={"PATH": "/usr/bin:/bin", **as_environment(installation.settings)},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert process.returncode == 0, said.decode(errors="replace")[-2000:]


def _texts(folder: Path) -> str:
    return "\n".join(
        f"{file.relative_to(folder)}\n{_text(file)}" for file in sorted(folder.rglob("*")) if file.is_file()
    )


def _text(file: Path) -> str:
    """A file as somebody reads it who wants to know everything in it."""
    if file.suffix == ".dump":
        command = [str(binaries(None) / "pg_restore"), "-f", "-", str(file)]
        return subprocess.run(command, capture_output=True, check=True).stdout.decode()
    if file.suffix == ".parquet":
        return str(pq.ParquetFile(file).read().to_pylist())
    return file.read_bytes().decode("utf-8", "replace")
