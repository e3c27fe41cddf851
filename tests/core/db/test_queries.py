from __future__ import annotations

import pytest

from core.db.identifiers import quote_identifier
from core.db.queries import load_queries, parse_queries
from core.errors import InputError


def test_statements_come_by_name_without_their_semicolon():
    text = "-- first: because\nselect 1;\n\n-- second: because\n-- a comment inside\nselect 2\n"

    found = parse_queries(text, where="here")

    assert found["first"] == "select 1"
    assert found["second"] == "-- a comment inside\nselect 2"


@pytest.mark.parametrize("text", ["-- one: x\nselect 1\n-- one: y\nselect 2\n", "-- one: x\n\n-- two: y\nselect 1\n"])
def test_a_name_used_twice_or_without_statement_is_refused(text: str):
    with pytest.raises(ValueError, match="one"):
        parse_queries(text, where="here")


@pytest.mark.parametrize(
    ("package", "file"),
    [
        ("core.audit", "queries.sql"),
        ("core.connector", "catalogue.sql"),
        ("core.db", "server.sql"),
        ("core.identity", "queries.sql"),
        ("core.tenancy", "queries.sql"),
        ("core.tenancy", "template.sql"),
    ],
)
def test_every_sql_file_is_found_beside_its_code(package: str, file: str):
    assert load_queries(package, file)


def test_quotes_inside_a_name_cannot_end_it():
    assert quote_identifier("kpi", 'a"; drop table x; --') == '"kpi"."a""; drop table x; --"'


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 64, "ü" * 32])
def test_names_postgresql_would_change_are_refused(name: str):
    with pytest.raises(InputError):
        quote_identifier(name)
