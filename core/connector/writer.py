"""How rows of some columns get into one table, worked out once and kept with the table: statements and checks. Pure."""

# ruff: noqa: S608  names come quoted from the catalogue, values are parameters

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any, cast

from core.connector.columns import Kind, TableInfo
from core.connector.reading import Statement
from core.connector.values import array_argument, array_values, convert_all
from core.errors import InputError

RowValues = Mapping[str, object]
_MOST_WRITERS = 64
"""Sets of columns a table remembers; a module that writes more of them has each worked out again."""


class Writer:
    """Stores rows that all have the same columns.

    Args:
        table: where to.
        names: the columns, in the order in which the statement names them.

    Raises:
        InputError: the table has no such column.
    """

    def __init__(self, table: TableInfo, names: tuple[str, ...]) -> None:
        self._table = table
        self._names = names
        self._columns = [table.column(name) for name in names]
        self._getters: list[Callable[[RowValues], Any]] = [itemgetter(name) for name in names]
        listed = ", ".join(column.quoted for column in self._columns)
        head = f"insert into {table.quoted} ({listed})"
        places = ", ".join(f"${n}" for n in range(1, len(names) + 1))
        self._one = f"{head} values ({places})"
        arguments = [array_argument(column) for column in self._columns]
        arrays = ", ".join(f"${n}::{kind}" for n, (kind, _) in enumerate(arguments, start=1))
        elements = ", ".join(
            expression.replace("{0}", f"source.{column.quoted}")
            for column, (_, expression) in zip(self._columns, arguments, strict=True)
        )
        self._many = f"{head} select {elements} from unnest({arrays}) as source({listed})"
        self._merges: dict[tuple[str, ...], str] = {}

    def insert(self, rows: Sequence[RowValues]) -> Statement:
        """Add rows; gives them back as they were stored."""
        return self._statement(self._checked(rows), " returning *")

    def upsert(self, rows: Sequence[RowValues], key: tuple[str, ...]) -> Statement:
        """Add rows, or change those of the same key; gives them back as they were stored.

        Raises:
            InputError: the key is none of the table's, a row lacks it, or it occurs twice.
        """
        merge = self._merges.get(key)
        if merge is None:
            merge = self._merges[key] = self._merge(key)
        values = self._checked(rows)
        self._check_once_each(values, key)
        return self._statement(values, merge)

    def _statement(self, values: list[list[Any]], tail: str) -> Statement:
        if len(values[0]) == 1:
            return self._one + tail, [each[0] for each in values]
        return self._many + tail, list(map(array_values, self._columns, values))

    def _checked(self, rows: Sequence[RowValues]) -> list[list[Any]]:
        where = self._table.label
        return [
            convert_all(column, each, where) for column, each in zip(self._columns, self._turned(rows), strict=True)
        ]

    def _turned(self, rows: Sequence[RowValues]) -> list[list[Any]]:
        """Values by column. Dicts of one length with every name have no other; rows of other kinds are compared."""
        if set(map(type, rows)) != {dict} or set(map(len, rows)) != {len(self._names)}:
            self._refuse_odd(rows)
        try:
            return [list(map(getter, rows)) for getter in self._getters]
        except KeyError:
            self._refuse_odd(rows)
            raise

    def _refuse_odd(self, rows: Sequence[RowValues]) -> None:
        wanted = set(self._names)
        for position, row in enumerate(rows):
            if set(row) != wanted:
                raise other_columns(self._table, self._names, row, position)

    def _merge(self, key: tuple[str, ...]) -> str:
        table = self._table
        targets = [table.column(name).quoted for name in key]
        if frozenset(key) not in table.keys:
            raise InputError(
                "no unique key over these columns",
                expected=" or ".join(sorted(f"({', '.join(sorted(k))})" for k in table.keys)) or "a table with a key",
                received=", ".join(key),
                where=table.label,
            )
        if not set(key) <= set(self._names):
            given = ", ".join(self._names)
            raise InputError("a row lacks its key", expected=", ".join(key), received=given, where=table.label)
        changed = [column.quoted for column in self._columns if column.name not in key] or targets[:1]
        sets = [f"{name} = excluded.{name}" for name in changed] + touched(table, self._names)
        if table.soft_deletes and "is_deleted" not in self._names:
            sets.append('"is_deleted" = false')
        return f" on conflict ({', '.join(targets)}) do update set {', '.join(sets)} returning *"

    def _check_once_each(self, values: list[list[Any]], key: tuple[str, ...]) -> None:
        parts = [values[self._names.index(name)] for name in key]
        keys: Sequence[object] = parts[0] if len(parts) == 1 else list(zip(*parts, strict=True))
        try:
            once = len(set(keys)) == len(keys)
        except TypeError:  # Lists; they count as what they hold.
            keys = [tuple(map(_hashable, part)) for part in zip(*parts, strict=True)]
            once = len(set(keys)) == len(keys)
        if not once:
            raise InputError(
                "a key occurs twice in the same call",
                received=", ".join(key),
                where=self._table.label,
                next_step="send one row a key: which of two would count is not defined",
            )


def writer_for(table: TableInfo, rows: Sequence[RowValues]) -> Writer:
    """The writer of the columns that the first row has.

    Raises:
        InputError: there is no row, or it has no column, or one that does not exist.
    """
    if not rows or not rows[0]:
        raise InputError("nothing to store", expected="at least one row with a column", where=table.label)
    names = tuple(rows[0])
    writer = table.writers.get(names)
    if writer is None:
        if len(table.writers) >= _MOST_WRITERS:
            table.writers.clear()
        writer = table.writers[names] = Writer(table, names)
    return writer


def touched(table: TableInfo, given: Sequence[str]) -> list[str]:
    """The assignment that stamps a change, unless the caller stamps it."""
    column = table.columns.get("updated_at")
    stamped = column is not None and column.kind is Kind.TIMESTAMP and "updated_at" not in given
    return ['"updated_at" = now()'] if stamped else []


def other_columns(table: TableInfo, names: Sequence[str], row: RowValues, position: int) -> InputError:
    """The refusal of a row that does not have the columns of the first."""
    return InputError(
        f"row {position} has other columns than the first",
        expected=", ".join(names),
        received=", ".join(row),
        where=table.label,
    )


def _hashable(value: Any) -> object:
    return tuple(cast("list[object]", value)) if isinstance(value, list) else value
