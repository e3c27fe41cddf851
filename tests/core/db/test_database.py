from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from core.db import Database, Transaction
from core.db.errors import ConflictError
from core.errors import DeniedError, InputError, NotFoundError, TerminalError, TransientError

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.integration
_TENANT = "select nullif(current_setting('app.current_tenant_id', true), '')"


@pytest.fixture
async def database(prepared: Installation) -> AsyncIterator[Database]:
    async with await Database.open(prepared.postgres.dsn("eventlog", "goldlayer_eventlog"), max_size=2) as opened:
        await opened.execute("create table if not exists things (id int primary key, name text not null)")
        await opened.execute("truncate things")
        yield opened


async def test_a_tenant_lasts_as_long_as_its_transaction(database: Database):
    tenant = uuid4()
    async with database.transaction(tenant) as transaction:
        assert await transaction.fetchval(_TENANT) == str(tenant)

    seen = await asyncio.gather(*(database.fetchval(_TENANT) for _ in range(8)))

    assert set(seen) == {None}


async def _end_by_error(database: Database) -> None:
    with pytest.raises(TerminalError):
        async with database.transaction(uuid4()) as transaction:
            await transaction.fetch("select 1 / 0")


async def _end_by_cancelling(database: Database) -> None:
    begun = asyncio.Event()

    async def wait() -> None:
        async with database.transaction(uuid4()) as transaction:
            begun.set()
            await transaction.fetch("select pg_sleep(60)")

    task = asyncio.create_task(wait())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def _end_by_commit_inside(database: Database) -> None:
    async with database.transaction(uuid4()) as transaction:
        await transaction.execute("commit; begin")


async def _end_by_setting_the_session(database: Database) -> None:
    async with database.transaction() as transaction:
        await transaction.fetchval("select set_config('app.current_tenant_id', $1, false)", str(uuid4()))


async def _end_by_a_lost_connection(database: Database) -> None:
    with pytest.raises(TransientError):
        async with database.transaction(uuid4()) as transaction:
            await transaction.fetch("select pg_terminate_backend(pg_backend_pid())")


@pytest.mark.parametrize(
    "end",
    [
        _end_by_error,
        _end_by_cancelling,
        _end_by_commit_inside,
        _end_by_setting_the_session,
        _end_by_a_lost_connection,
    ],
)
async def test_however_a_transaction_ends_the_pool_forgets_its_tenant(
    prepared: Installation, end: Callable[[Database], Awaitable[None]]
):
    dsn = prepared.postgres.dsn("eventlog", "goldlayer_eventlog")
    async with await Database.open(dsn, max_size=1) as alone:
        await end(alone)

        assert await alone.fetchval(_TENANT) is None
        async with alone.transaction() as transaction:
            assert await transaction.fetchval(_TENANT) is None


async def test_what_is_left_for_the_commit_runs_last_and_only_if_it_comes(database: Database):
    order: list[str] = []

    def leave(transaction: Transaction, word: str) -> None:
        async def last() -> Callable[[], None]:
            order.append(f"{word} {await transaction.fetchval('select count(*) from things')}")
            return lambda: order.append(f"{word} is durable")

        transaction.at_commit(last)

    async with database.transaction() as transaction:
        leave(transaction, "first")
        await transaction.execute("insert into things values (1, 'one')")
    with pytest.raises(RuntimeError):
        async with database.transaction() as transaction:
            leave(transaction, "second")
            raise RuntimeError

    assert order == ["first 1", "first is durable"]


async def test_a_failed_block_leaves_nothing(database: Database):
    with pytest.raises(RuntimeError):
        async with database.transaction() as transaction:
            await transaction.copy_rows("public", "things", ["id", "name"], [(1, "one"), (2, "two")])
            raise RuntimeError

    assert await database.fetch("select * from things") == []


async def test_a_savepoint_is_undone_alone(database: Database):
    async with database.transaction() as transaction:
        await transaction.execute("insert into things values (1, 'one')")
        with pytest.raises(ConflictError):
            async with transaction.savepoint():
                await transaction.execute("insert into things values (1, 'again')")

    assert await database.fetchrow("select * from things") == {"id": 1, "name": "one"}


async def test_foreign_exceptions_become_ours(database: Database, prepared: Installation):
    await database.execute("insert into things values (1, 'one')")

    with pytest.raises(ConflictError) as conflict:
        await database.execute("insert into things values (1, 'two')")
    assert conflict.value.constraint == "things_pkey"
    assert conflict.value.where == "public.things"
    with pytest.raises(InputError):
        await database.fetch("select * from nowhere")
    with pytest.raises(InputError):
        await database.fetch("select * from things where id = $1", "text")
    with pytest.raises(InputError):
        await database.fetch("select * from things where id = $1")
    with pytest.raises(DeniedError):
        async with database.transaction(readonly=True) as transaction:
            await transaction.execute("delete from things")
    with pytest.raises(TerminalError):
        await database.fetch("select 1 / 0 where exists (select from things)")
    missing = await Database.open(prepared.postgres.dsn("nowhere"))
    with pytest.raises(NotFoundError):
        await missing.fetch("select 1")
    closed = await Database.open("postgresql://x:y@127.0.0.1:1/z")
    with pytest.raises(TransientError):
        await closed.fetch("select 1")


async def test_a_wrong_password_is_denied(prepared: Installation):
    right = prepared.postgres.dsn("platform", "goldlayer_app")
    wrong = right.replace(right.split(":")[2].split("@")[0], "guess")
    database = await Database.open(wrong)

    with pytest.raises(DeniedError):
        await database.fetch("select 1")


async def test_listening_survives_a_lost_connection(database: Database, prepared: Installation):
    heard: asyncio.Queue[str] = asyncio.Queue()
    await database.listen("news", heard.put_nowait)
    await database.execute("select pg_notify('news', 'first')")
    assert await heard.get() == "first"

    async with await Database.open(prepared.postgres.dsn("eventlog")) as superuser:
        await superuser.execute("select pg_terminate_backend(pid) from pg_stat_activity where query ilike 'listen%'")
    assert await heard.get() == ""
    await database.execute("select pg_notify('news', 'second')")

    assert await heard.get() == "second"


async def test_an_error_of_the_block_itself_is_not_taken_for_the_database_s(database: Database):
    for own in (FileNotFoundError(2, "No such file"), TimeoutError("of something else")):
        with pytest.raises(type(own)):
            async with database.transaction() as transaction:
                await transaction.execute("insert into things values (1, 'undone')")
                raise own
    assert await database.fetch("select * from things") == []


async def test_who_waits_for_a_connection_in_vain_is_told(database: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("core.db.database._PATIENCE_S", 0.2)
    both = asyncio.Barrier(2)

    async def hold_one_and_want_another() -> None:
        async with database.transaction():
            await both.wait()
            await database.fetchval("select 1")

    outcomes = await asyncio.gather(*(hold_one_and_want_another() for _ in range(2)), return_exceptions=True)

    assert any(isinstance(one, TransientError) for one in outcomes)
    assert await database.fetchval("select 1") == 1


async def test_an_error_names_the_key_and_never_repeats_a_row(database: Database):
    await database.execute("insert into things values (1, 'first')")
    with pytest.raises(ConflictError) as taken:
        await database.execute("insert into things values (1, 'again')")
    with pytest.raises(ConflictError) as missing:
        await database.execute("insert into things values (2, null)")

    assert "(id)=(1)" in str(taken.value)
    assert "null value in column" in str(missing.value) and "Failing row" not in str(missing.value)
    assert "\n" not in str(taken.value) + str(missing.value)
