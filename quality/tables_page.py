"""The page of all tables, `docs/tables.md`, from the declarations alone."""

from __future__ import annotations

from collections.abc import Iterator

from lake.spec import Column, Layer, TableSpec
from lake.tables import TABLES
from quality.checks import checks_of
from quality.declared import facts_of

_HEAD = """\
# Tables of the lake

Written by `platform lake page` from the declarations under `lake/tables/` and the checks under `quality/`: change
those, not this page. Every tenant has these tables, under its own root. Times are UTC, in microseconds.
"""


def page() -> str:
    """The whole page, Markdown."""
    return "\n".join([_HEAD, *_overview(), *(line for layer in Layer for line in _layer(layer))]).rstrip() + "\n"


def _overview() -> Iterator[str]:
    yield from ("| table | one row is | owner |", "|---|---|---|")
    for spec in TABLES.values():
        yield f"| [{spec.full_name}](#{_anchor(spec)}) | {_cell(spec.grain)} | {spec.owner} |"
    yield ""


def _layer(layer: Layer) -> Iterator[str]:
    for spec in TABLES.values():
        if spec.layer is layer:
            yield from (f"## {spec.full_name}", "", spec.description, "")
            yield from (f"- {name}: {text}" for name, text in facts_of(spec))
            yield from ("", "| column | type | unit | null | what |", "|---|---|---|---|---|")
            yield from map(_column, spec.columns)
            checks = checks_of(spec)
            if checks:
                yield from ("", "| check | expected | severity |", "|---|---|---|")
                yield from (f"| {one.name} | {_cell(one.expected)} | {one.severity.value} |" for one in checks)
            yield ""


def _column(column: Column) -> str:
    unit = "" if column.unit in (None, "1") else str(column.unit)
    null = "yes" if column.nullable else "no"
    return f"| {column.name} | {column.type} | {_cell(unit)} | {null} | {_cell(column.description)} |"


def _anchor(spec: TableSpec) -> str:
    return spec.full_name.replace(".", "")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
