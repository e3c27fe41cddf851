"""Real OPC UA servers that start quickly: the thousands of nodes of the standard are made once, then copied."""

from __future__ import annotations

import gc
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from asyncua import Server
from asyncua.server.internal_server import InternalServer


async def initialise(server: Server) -> None:
    """As `server.init()` does."""
    kept = Path(_folder().name) / "nodes"
    with _uncollected():
        if not kept.exists():
            first = InternalServer()
            await first.load_standard_address_space()
            first.aspace.dump(kept)

        async def copied(_shelf: Path | None = None) -> None:
            server.iserver.aspace.load(kept)

        server.iserver.load_standard_address_space = copied
        await server.init()


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Where the nodes lie until this process ends."""
    return tempfile.TemporaryDirectory(prefix="goldlayer-opcua-")


@contextmanager
def _uncollected() -> Generator[None]:
    """Without the garbage collector, which would look again and again at the nodes while they are made."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
