"""Real OPC UA servers that start quickly: the thousands of nodes of the standard are made once, then copied."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from asyncua import Server
from asyncua.server.internal_server import InternalServer

from examples.plant.opcua import uncollected


async def initialise(server: Server) -> None:
    """As `server.init()` does."""
    kept = Path(_folder().name) / "nodes"
    with uncollected():
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
