"""Evidence: where rows came from, so that anyone can fetch them again."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict


class Evidence(BaseModel):
    """Origin of the rows that a tool returned.

    For store `postgres`, `version` is the Delta version of the publication and `query` runs on that Delta table
    (PostgreSQL has no time travel); `via` is the SQL that was actually used.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    store: Literal["delta", "postgres"]
    table: str
    """Layer and name, `gold.kpi_daily`."""
    version: int
    """Delta version of the table that was read."""
    partitions: list[str]
    """Days covered, first and last if they are many."""
    rows: int
    """Rows the query returned."""
    as_of: str
    """Commit time of that version, ISO 8601 UTC."""
    checks: dict[str, str]
    """Result of each check on the rows' table: passed, warned or failed."""
    query: str
    """DuckDB SQL over the table under its name, values written out."""
    via: str | None = None
