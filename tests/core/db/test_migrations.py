from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.db import Database
from core.db.migrate import HEAD, migrate
from core.errors import TerminalError

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.integration


async def test_a_migrated_database_is_left_alone(prepared: Installation):
    dsn = prepared.postgres.dsn("platform", "goldlayer_owner")

    assert await migrate(dsn) is False
    async with await Database.open(dsn) as database:
        assert await database.fetchval("select version_num from alembic_version") == HEAD


async def test_a_database_of_a_newer_version_is_refused_and_left_alone(prepared: Installation):
    dsn = prepared.postgres.dsn("platform", "goldlayer_owner")
    async with await Database.open(dsn) as database:
        await database.execute("update alembic_version set version_num = '9999'")
        try:
            with pytest.raises(TerminalError, match="newer than this version"):
                await migrate(dsn)
            assert await database.fetchval("select version_num from alembic_version") == "9999"
        finally:
            await database.execute(f"update alembic_version set version_num = '{HEAD}'")


def test_head_is_the_newest_revision():
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "core/db/migrations")

    assert ScriptDirectory.from_config(config).get_current_head() == HEAD
