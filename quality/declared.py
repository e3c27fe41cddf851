"""A table's declaration and its checks, as a document and in words: what commands and the page of all tables show."""

from __future__ import annotations

from typing import Any

from lake.spec import Column, TableSpec
from quality.checks import checks_of


def declared(spec: TableSpec) -> dict[str, Any]:
    """Everything declared of a table, ready for JSON."""
    return {
        "table": spec.full_name,
        "description": spec.description,
        "grain": spec.grain,
        "owner": spec.owner,
        "keys": list(spec.keys),
        "partition_by": list(spec.partition_by),
        "cluster_by": list(spec.cluster_by),
        "retention_days": spec.retention_days,
        "history_days": spec.history_days,
        "lookback_days": spec.lookback_days,
        "columns": [
            {
                "name": one.name,
                "type": str(one.type),
                "unit": one.unit,
                "nullable": one.nullable,
                "description": one.description,
            }
            for one in spec.columns
        ],
        "checks": [
            {"name": one.name, "expected": one.expected, "severity": one.severity.value} for one in checks_of(spec)
        ],
    }


def in_words(spec: TableSpec) -> str:
    """The same for people, as plain text."""
    rows = [("column", "type", "unit", "null", "what"), *map(_column, spec.columns)]
    widths = [max(len(row[place]) for row in rows) for place in range(4)]
    columns = [
        "  " + "  ".join([*(f"{cell:<{width}}" for cell, width in zip(row[:4], widths, strict=True)), row[4]])
        for row in rows
    ]
    checks = [f"  {one.severity.value:<5}  {one.name}: {one.expected}" for one in checks_of(spec)]
    facts = [f"{name:<12} {text}" for name, text in facts_of(spec)]
    return "\n".join([f"{spec.full_name}: {spec.description}", "", *facts, "", *columns, "", "Checks:", *checks])


def facts_of(spec: TableSpec) -> list[tuple[str, str]]:
    """What is to know of a table beside its columns, by name."""
    kept = "for good" if spec.retention_days is None else f"{spec.retention_days:,} days"
    past = f"readable for {spec.history_days:,} days after another took their place"
    return [
        ("grain", spec.grain),
        ("keys", ", ".join(spec.keys) or "none: equal rows are legal"),
        ("partitions", ", ".join(spec.partition_by) or "none"),
        ("clustering", f"along a Z-curve through {', '.join(spec.cluster_by)}" if spec.cluster_by else "none"),
        ("rows kept", kept),
        ("versions", "only the latest is kept" if spec.latest_only else past),
        ("owner", spec.owner),
    ]


def _column(column: Column) -> tuple[str, str, str, str, str]:
    unit = "" if column.unit in (None, "1") else str(column.unit)
    return column.name, str(column.type), unit, "yes" if column.nullable else "no", column.description
