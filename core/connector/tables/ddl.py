"""The DDL that makes declared tables and adds to them. Pure."""

from __future__ import annotations

import hashlib
import json

from core.connector.columns import TableInfo
from core.connector.filters import SEARCH_CONFIGURATION
from core.connector.tables.constants import literal
from core.connector.tables.declaration import ColumnDeclaration, IndexDeclaration, TableDeclaration, comparison
from core.connector.tables.names import default_partition, name_of
from core.connector.values import convert
from core.db.identifiers import quote_identifier as quote
from core.errors import InputError


def create_table(schema: str, name: str, table: TableDeclaration) -> list[str]:
    """DDL of a table that does not exist; of a partitioned one the default partition comes with it."""
    columns = table.complete()
    lines = [column_line(name, column, form) for column, form in columns.items()]
    keys = [column for column, form in columns.items() if form.primary_key]
    if table.partition_by is not None and table.partition_by not in keys:
        keys.append(table.partition_by)  # PostgreSQL keeps a key within one partition only.
    lines.append(f"constraint {quote(name_of(name, (), 'pkey'))} primary key ({_listed(keys)})")
    lines += [unique_line(name, group) for group in table.unique]
    lines += [check_line(name, check, text) for check, text in table.checks.items()]
    cut = f" partition by range ({quote(table.partition_by)})" if table.partition_by else ""
    statements = [f"create table {quote(schema, name)} (\n  " + ",\n  ".join(lines) + f"\n){cut}"]
    if table.partition_by is not None:
        statements.append(
            f"create table {quote(schema, default_partition(name))} partition of {quote(schema, name)} default"
        )
    return statements + list(indexes_of(schema, name, table).values())


def extend_table(known: TableInfo, declared: TableDeclaration) -> list[str]:
    """DDL that adds the columns and indexes a table lacks; what is there is never changed.

    Raises:
        InputError: a column is there under another type, or a new one could not be filled for rows that exist.
    """
    statements: list[str] = []
    for name, form in declared.complete().items():
        column = known.columns.get(name)
        if column is None:
            statements.append(add_column(known.schema, known.name, name, form))
        elif column.sql_type != form.sql_type:
            raise InputError(
                f"column {name!r} is there under another type",
                expected=column.sql_type,
                received=form.sql_type,
                where=known.label,
                next_step="declare a new column, or a migration that alters this one",
            )
    there = {index.name for index in known.indexes}
    wanted = indexes_of(known.schema, known.name, declared)
    return statements + [statement for name, statement in wanted.items() if name not in there]


def indexes_of(schema: str, name: str, table: TableDeclaration) -> dict[str, str]:
    """DDL of a table's indexes by their names."""
    columns = table.complete()
    single = [(column, form) for column, form in columns.items() if form.indexed]
    found = {name_of(name, (column,), "idx"): column_index(schema, name, column, form) for column, form in single}
    return found | {index_name(name, index): declared_index(schema, name, index) for index in table.indexes}


def add_column(schema: str, table: str, column: str, form: ColumnDeclaration) -> str:
    """DDL of one more column.

    Raises:
        InputError: there is nothing to fill it with for the rows that exist, or it would be a key.
    """
    if form.primary_key or not (form.nullable or form.auto or form.default is not None):
        raise InputError(
            f"new column {column!r} has nothing for the rows that exist",
            expected="nullable, auto or a default, and no key",
            where=f"{schema}.{table}",
        )
    return f"alter table {quote(schema, table)} add column {column_line(table, column, form)}"


def column_line(table: str, column: str, form: ColumnDeclaration) -> str:
    """A column as `create table` and `add column` write it."""
    parts = [quote(column), form.sql_type]
    if not form.nullable:
        parts.append("not null")
    default = default_of(column, form)
    if default is not None:
        parts.append(f"default {default}")
    if form.checked:
        parts.append(f"constraint {quote(name_of(table, (column,), 'check'))} {column_check(column, form)}")
    return " ".join(parts)


def default_of(column: str, form: ColumnDeclaration) -> str | None:
    """SQL of a column's default."""
    if form.primary_key and form.type == "uuid":
        return "gen_random_uuid()"
    if form.auto:
        return "now()"
    if form.default is None:
        return None
    return literal(convert(form.info(column), form.default, column), form.sql_type)


def column_check(column: str, form: ColumnDeclaration) -> str:
    """The check that holds a column to its enum, pattern, length and range."""
    quoted = quote(column)
    parts: list[str] = []
    if form.enum is not None:
        parts.append(f"{quoted} in ({', '.join(map(literal, form.enum))})")
    if form.pattern is not None:
        parts.append(f"{quoted} ~ {literal(form.pattern)}")
    if form.max_length is not None:
        parts.append(f"char_length({quoted}) <= {form.max_length}")
    for bound, operator in ((form.min, ">="), (form.max, "<=")):
        if bound is not None:
            parts.append(f"{quoted} {operator} {literal(bound)}")
    return f"check ({' and '.join(parts)})"


def unique_line(table: str, group: tuple[str, ...]) -> str:
    """A unique group as a constraint."""
    return f"constraint {quote(name_of(table, group, 'key'))} unique ({_listed(group)})"


def check_line(table: str, check: str, text: str) -> str:
    """A comparison of two columns as a constraint."""
    left, operator, right = comparison(text)
    return f"constraint {quote(name_of(table, (check,), 'check'))} check ({quote(left)} {operator} {quote(right)})"


def column_index(schema: str, table: str, column: str, form: ColumnDeclaration) -> str:
    """The index of a column that is `indexed`."""
    how = f"({quote(column)})"
    if form.type == "vector":
        how = f"using hnsw ({quote(column)} vector_cosine_ops)"
    elif form.type == "json":
        how = f"using gin ({quote(column)} jsonb_path_ops)"
    elif form.array:
        how = f"using gin ({quote(column)})"
    return f"create index if not exists {quote(name_of(table, (column,), 'idx'))} on {quote(schema, table)} {how}"


def index_name(table: str, index: IndexDeclaration) -> str:
    """Name of a declared index; of one over some rows it tells which."""
    if index.search:
        return name_of(table, index.columns, "search_idx")
    which = [hashlib.sha256(json.dumps(index.where, sort_keys=True).encode()).hexdigest()[:8]] if index.where else []
    return name_of(table, (*index.columns, *which), "key" if index.unique else "idx")


def declared_index(schema: str, table: str, index: IndexDeclaration) -> str:
    """DDL of a declared index."""
    how = f"({_listed(index.columns)})"
    if index.search:
        how = f"using gin (to_tsvector('{SEARCH_CONFIGURATION}', {quote(index.columns[0])}))"
    rows = [
        f"{quote(column)} is null" if value is None else f"{quote(column)} = {literal(value)}"
        for column, value in index.where.items()
    ]
    only = f" where {' and '.join(rows)}" if rows else ""
    unique = "unique " if index.unique else ""
    name = quote(index_name(table, index))
    return f"create {unique}index if not exists {name} on {quote(schema, table)} {how}{only}"


def _listed(columns: tuple[str, ...] | list[str]) -> str:
    return ", ".join(map(quote, columns))
