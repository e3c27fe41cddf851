"""Foreign exceptions become ours at the door: what asyncpg raises, said in the product's error tree."""

from __future__ import annotations

from typing import cast

import asyncpg

from core.errors import DeniedError, GoldlayerError, InputError, NotFoundError, TerminalError, TransientError


class ConflictError(InputError):
    """A row contradicts a constraint: a key that is taken, a missing parent, a value outside its list.

    Attributes:
        constraint: name of the constraint, if the server told it.
    """

    def __init__(self, what: str, *, constraint: str | None, received: object | None = None, where: str | None) -> None:
        super().__init__(what, expected="a row that fits the table's constraints", received=received, where=where)
        self.constraint = constraint


FOREIGN = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    UnicodeEncodeError,
    OSError,
    TimeoutError,
)
"""What the driver raises; everything else that flies through the door is a mistake of ours."""

_TRANSIENT = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.LockNotAvailableError,
    asyncpg.ObjectInUseError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
_DENIED = (
    asyncpg.InsufficientPrivilegeError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.ReadOnlySQLTransactionError,
)
_WITH_DETAILS = (asyncpg.PostgresError, asyncpg.InterfaceError)
_INPUT = (asyncpg.DataError, asyncpg.SyntaxOrAccessError, asyncpg.FeatureNotSupportedError)


def translate(error: BaseException, *, where: str | None = None) -> GoldlayerError:
    """The error of ours that says the same.

    Args:
        error: one of `FOREIGN`.
        where: database or table to name.
    """
    words, hint = _said(error)
    if isinstance(error, UnicodeEncodeError):
        return InputError("a text holds what is no character", received=ascii(error.object)[:100], where=where)
    if isinstance(error, asyncpg.InvalidCatalogNameError):
        return NotFoundError("no such database", where=where)
    if isinstance(error, asyncpg.IntegrityConstraintViolationError):
        facts = cast("dict[str, str | None]", error.as_dict())
        table = facts.get("table_name")
        return ConflictError(
            words,
            constraint=facts.get("constraint_name"),
            received=_detail(facts),
            where=f"{facts.get('schema_name')}.{table}" if table else where,
        )
    if isinstance(error, _DENIED):
        return DeniedError(words, where=where)
    if isinstance(error, _TRANSIENT):
        return TransientError(f"database is not reachable or busy ({words})", where=where, next_step="try again")
    if isinstance(error, _INPUT) or (isinstance(error, asyncpg.InterfaceError) and "argument" in words):
        return InputError(words, where=where, next_step=hint)
    if isinstance(error, asyncpg.InterfaceError):
        return TransientError(f"connection is not usable ({words})", where=where, next_step="try again")
    return TerminalError(words, where=where)


def _said(error: BaseException) -> tuple[str, str | None]:
    """Message and hint: the driver's own text has the details under them, which repeat values."""
    first = str(error.args[0]).strip() if error.args and isinstance(error, _WITH_DETAILS) else str(error).strip()
    hint = getattr(error, "hint", None)
    return first or ("no answer in time" if isinstance(error, TimeoutError) else type(error).__name__), hint


def _detail(facts: dict[str, str | None]) -> str | None:
    """Which key is taken or missing; never a whole row, which may hold anything."""
    detail = facts.get("detail")
    return None if detail is None or detail.startswith("Failing row") else detail
