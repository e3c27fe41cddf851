"""Bring the platform database to the newest schema."""

from __future__ import annotations

import asyncio
from pathlib import Path

from core.db.database import Database
from core.errors import TerminalError

HEAD = "0024"
"""Newest revision; a database that has it is left alone without loading the migration machinery."""
_SCRIPTS = Path(__file__).with_name("migrations")
_VERSION_TABLE = "select to_regclass('public.alembic_version') is not null"


async def migrate(dsn: str) -> bool:
    """Migrate a database as the owner of its tables; true if there was something to do.

    Args:
        dsn: `postgresql://owner:…@host:port/database`.

    Raises:
        TerminalError: a newer version of the product has been at it.
    """
    async with await Database.open(dsn, max_size=1) as database:
        known = await database.fetchval(_VERSION_TABLE)
        there = await database.fetchval("select version_num from public.alembic_version") if known else None
    if there == HEAD:
        return False
    if there is not None and there > HEAD:
        raise TerminalError(
            "the platform database is newer than this version of the product",
            expected=f"schema {HEAD}",
            received=there,
            next_step="use the newer version, or restore a copy from before its upgrade",
        )
    await asyncio.to_thread(_upgrade, dsn)
    return True


def _upgrade(dsn: str) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS))
    # SQLAlchemy 2.1 takes a plain postgresql:// for psycopg 3.
    config.attributes["url"] = dsn.replace("postgresql://", "postgresql+psycopg2://", 1)
    command.upgrade(config, "head")
