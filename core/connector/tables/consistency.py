"""Whether a manifest's migrations can lead to its tables, walked from the newest declaration backwards. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from core.connector.tables import migrations as m
from core.connector.tables.declaration import TableDeclaration, comparison

RESERVED_SCHEMAS = frozenset(
    ("platform", "public", "kpi", "staging", "mart", "memory", "training", "agent", "information_schema")
)
"""Schemas of a tenant's database that are no module's."""
_Columns = dict[str, set[str] | None]
"""By table; None where a later step drops the table, so that only its name is known."""


def inconsistencies(
    tables: Mapping[str, TableDeclaration], migrations: Sequence[m.Migration], version: str
) -> list[str]:
    """What contradicts itself, one sentence each; empty if nothing does.

    Args:
        tables: as the newest version declares them.
        migrations: in the order of their versions.
        version: the newest.
    """
    numbers = [m.number_of(migration.version) for migration in migrations]
    if numbers != sorted(set(numbers)):
        return ["data_migrations stand in the order of their versions, each version once"]
    if numbers and numbers[-1] > m.number_of(version):
        return [f"data_migrations go up to {migrations[-1].version}, the module is at {version}"]
    columns: _Columns = {name: set(table.complete()) for name, table in tables.items()}
    found: list[str] = []
    for migration in reversed(migrations):
        for operation in reversed(migration.operations):
            odd = _before(columns, operation)
            found += [f"migration {migration.version}, {operation.action} of {operation.table}: {odd}"] if odd else []
    return found


def _before(columns: _Columns, operation: m.Operation) -> str | None:
    """Turn the columns after an operation into those before it; what does not fit, or None."""
    table = operation.table
    if isinstance(operation, m.DropTable):
        if table in columns:
            return "the table is declared all the same"
        columns[table] = None
        return None
    if table not in columns:
        return "no such table is declared or dropped later"
    there = columns[table]
    if isinstance(operation, m.CreateTable):
        del columns[table]
        return None
    if there is None:
        return None
    missing = [name for name in _names(operation) if name not in there]
    if missing:
        return f"no column {', '.join(missing)} is declared or dropped later"
    if isinstance(operation, m.DropColumn):
        if operation.column in there:
            return f"column {operation.column} is declared all the same"
        there.add(operation.column)
    elif isinstance(operation, m.AddColumn):
        there.discard(operation.column)
    elif isinstance(operation, m.RenameColumn):
        there.discard(operation.to)
        there.add(operation.column)
    return None


def _names(operation: m.Operation) -> list[str]:
    """Columns that must be there after an operation."""
    match operation:
        case m.RenameColumn():
            return [operation.to]
        case m.AddColumn() | m.AlterColumn():
            return [operation.column]
        case m.Transform():
            return [name for name in (operation.column, operation.source, *operation.where) if name]
        case m.AddIndex() | m.DropIndex():
            return [*operation.columns, *operation.where]
        case m.AddUnique() | m.DropUnique():
            return list(operation.columns)
        case m.AddCheck():
            return list(comparison(operation.check)[::2])
        case _:
            return []
