"""Several operations of a module that happen together or not at all."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

from core.connector.access import ModuleAccess
from core.connector.catalogue import Catalogue
from core.connector.verbs import Verbs
from core.db import Database, Transaction
from core.errors import TerminalError


class Work(Verbs):
    """The connector's verbs inside one transaction; made by `TenantDataConnector.transaction`."""


@asynccontextmanager
async def open_work(
    database: Database, catalogue: Catalogue, access: ModuleAccess, schemas: Sequence[str]
) -> AsyncGenerator[Work]:
    """A block whose operations are stored when it ends and undone when it fails.

    Raises:
        TerminalError: an operation failed on the server and its error was swallowed inside the block.
    """
    await access.role()
    async with database.transaction() as transaction:
        yield Work(transaction, catalogue, access, schemas)
        await _still_whole(transaction)


async def _still_whole(transaction: Transaction) -> None:
    """COMMIT of a failed transaction undoes it without a word, so ask first."""
    try:
        await transaction.fetchval("select 1")
    except TerminalError as error:
        raise TerminalError(
            "nothing of this transaction was stored: one of its operations had failed",
            next_step="let the error of an operation leave the block",
        ) from error
