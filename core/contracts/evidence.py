"""Evidence: where rows came from, so that anyone can fetch them again."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


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

    @property
    def cited(self) -> str:
        """The source in one word: `gold.kpi_daily@12`."""
        return f"{self.table}@{self.version}"


class SiteEvidence(BaseModel):
    """Origin of rows that a bridge read on site: its device at that moment, or what it keeps.

    A site has no versions: asked again, a device may show something else. What the bridge keeps it says again, until
    its retention removes it; the contract in force decides what leaves.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    store: Literal["site"] = "site"
    site: str
    bridge: str
    signals: list[str]
    """Those the rows are of, `pump-1.flow`."""
    first: str | None
    """Source time asked about, ISO 8601 UTC; None if it was asked what is there now."""
    last: str | None
    """End of that time, exclusive."""
    read_at: str
    """When the bridge answered, ISO 8601 UTC."""
    contract: str
    """Id and version of the contract that was in force there."""
    position: int
    """How far the bridge's journal was."""
    rows: int
    query: str
    """The call as the bridge took it."""

    @property
    def cited(self) -> str:
        """The source in one word: `north-bridge@1204`."""
        return f"{self.bridge}@{self.position}"


AnyEvidence = Annotated[Evidence | SiteEvidence, Field(discriminator="store")]
