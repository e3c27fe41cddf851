"""Every table of the lake by its full name."""

from __future__ import annotations

from core.errors import NotFoundError
from lake.spec import TableSpec
from lake.tables import bronze, envelopes, fleet, gold, machines, ops, rollups, silver, training

TABLES: dict[str, TableSpec] = {
    spec.full_name: spec
    for room in (bronze, silver, machines, gold, envelopes, rollups, fleet, training, ops)
    for spec in room.TABLES
}


def table(full_name: str) -> TableSpec:
    """The declaration of a table.

    Raises:
        NotFoundError: no table of that name is declared.
    """
    try:
        return TABLES[full_name]
    except KeyError:
        raise NotFoundError("no such table", expected=", ".join(sorted(TABLES)), received=full_name) from None
