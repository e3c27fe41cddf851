"""Published tables are declared once, in the lake; their PostgreSQL form follows."""

from __future__ import annotations

import pyarrow as pa
import pytest

from assets.serving.tables import PUBLISHED, column_type, declare
from core.errors import TerminalError
from lake.spec import Column


def test_every_column_of_every_published_table_has_a_type() -> None:
    for published in PUBLISHED:
        assert all(column_type(column) for column in published.source.columns)


def test_comments_carry_units_and_survive_quotes() -> None:
    statements = declare(PUBLISHED[0])
    assert """comment on column "kpi"."kpi_daily"."samples" is""" in statements
    assert "Unit: column unit." in statements
    assert all(statements.count(f'"{name}"') for name in PUBLISHED[0].columns)


def test_a_column_without_a_postgresql_type_is_refused() -> None:
    with pytest.raises(TerminalError, match="cannot be published"):
        column_type(Column("blob", pa.large_binary(), "bytes"))
