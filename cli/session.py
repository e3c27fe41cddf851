"""An installation to work in for the duration of a command: folder, PostgreSQL and databases, all there."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from core.run.folder import RunFolder
from core.run.postgres import Postgres
from core.settings import Settings, load_settings

if TYPE_CHECKING:
    from core.tenancy import Tenancy


@dataclass(frozen=True, slots=True)
class Session:
    """What a command works with."""

    run: RunFolder
    settings: Settings
    postgres: Postgres


@asynccontextmanager
async def opened(path: Path | None, settings: Settings) -> AsyncGenerator[Session]:
    """Open the run folder and use its PostgreSQL for a block, initialising an empty folder first.

    Raises:
        InputError: the folder cannot be used.
    """
    run = RunFolder.open(path, settings)
    postgres = Postgres(run, settings)
    with postgres.running():
        await initialise(run, postgres, settings)
        yield Session(run, settings, postgres)


@asynccontextmanager
async def tenancy_of(path: Path | None, *, create: bool = False) -> AsyncGenerator[Tenancy]:
    """The registry of tenants for a block.

    Args:
        path: the run folder, as `--run` names it.
        create: make an installation where there is none; only for a command that writes.

    Raises:
        InputError: there is none, or the folder cannot be used.
    """
    from core.audit import Interface, request
    from core.tenancy import Tenancy

    settings = load_settings()
    folder = path if create else RunFolder.find(path, settings).path
    # One command is one request: all it records is found by one id.
    with request(Interface.CLI):
        async with (
            opened(folder, settings) as session,
            await Tenancy.open(session.run, session.postgres, settings) as tenancy,
        ):
            yield tenancy


async def initialise(run: RunFolder, postgres: Postgres, settings: Settings, *, again: bool = False) -> None:
    """Create databases and roles and migrate, once for each version of the product and of its schema.

    Args:
        run: remembers the version that did it.
        postgres: running.
        settings: passed on.
        again: do it whatever is remembered; it only ever adds what is missing.
    """
    from core.db.migrate import HEAD

    mark, ours = run.path / "initialised", f"{version('goldlayer')} schema {HEAD}"
    if not again and mark.exists() and mark.read_text().strip() == ours:
        return
    from core.tenancy import init_platform

    await init_platform(run, postgres, settings)
    mark.write_text(f"{ours}\n")
