"""The kinds of thing an installation holds of a tenant, and the order in which they come and go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from core.db import TenantScope


@dataclass(frozen=True, slots=True)
class Content:
    """What one table, topic or folder holds.

    Attributes:
        rows: rows, records or files.
        checksum: over all of it, the same wherever it is and in whatever order; None where nothing travels.
        position: as of which version or offset it was copied.
    """

    rows: int
    checksum: str | None = None
    position: str | None = None


Contents = Mapping[str, Content]
"""By name of the table, topic or folder."""


class Holding(Protocol):
    """How one kind of thing leaves, comes and goes; each room brings its own.

    None of it is called while somebody works for the tenant, `export` excepted.
    """

    name: str
    """Folder of the export, and the step in which an import or a removal comes to it."""

    async def export(self, scope: TenantScope, to: Path) -> Contents:
        """Write everything of a tenant into a folder that is empty; leaves what is there untouched."""
        ...

    async def remains(self, scope: TenantScope) -> str | None:
        """What an import of a tenant that is not here would write over, though it is nobody's; None if nothing."""
        ...

    async def restore(self, scope: TenantScope, source: Path) -> Contents:
        """Bring in what `export` wrote, where nothing of the tenant is; tells what is there afterwards."""
        ...

    async def remove(self, scope: TenantScope) -> None:
        """Remove everything of a tenant, for good; may be repeated."""
        ...


@dataclass(frozen=True, slots=True)
class Holdings:
    """Everything an installation holds of a tenant."""

    database: Holding
    log: Holding
    lake: Holding
    rows: Holding
    secrets: Holding
    keys: Holding
    history: Holding
    dagster: Holding

    @property
    def outwards(self) -> tuple[Holding, ...]:
        """Each is copied before what it refers to, so that a copy made while data comes in leads nowhere into the void.

        The database cites versions of the lake; what waits in the log may be in the lake a moment later, and lanes
        tell then that it is there already; data in the lake was contracted by rows.
        """
        return (
            self.database, self.log, self.lake, self.rows, self.secrets, self.keys, self.history, self.dagster
        )  # fmt: skip

    @property
    def inwards(self) -> tuple[Holding, ...]:
        """Offsets in the lake are set anew by the log; key files are where rows say."""
        return (
            self.database, self.lake, self.log, self.rows, self.secrets, self.keys, self.history, self.dagster
        )  # fmt: skip

    @property
    def away(self) -> tuple[Holding, ...]:
        """Secrets first, as they hurt most; key files before the rows that say where they are."""
        return (
            self.secrets, self.keys, self.rows, self.dagster, self.log, self.lake, self.database, self.history
        )  # fmt: skip
