"""Tables that hold what is true now and nothing of what was: no version before the present one can be read."""

from __future__ import annotations

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from core.errors import TransientError
from lake.spec import TableSpec
from lake.store import TenantLake

_AT_ONCE = "interval 0 seconds"
_PROPERTIES = {"delta.logRetentionDuration": _AT_ONCE, "delta.deletedFileRetentionDuration": _AT_ONCE}


def replace_and_forget(lake: TenantLake, spec: TableSpec, rows: pa.Table) -> int:
    """Make a table hold exactly these rows, and take away the files and the log of every version before.

    Cut off half way, it has written and not forgotten: the next call forgets. Versions go on counting, so that one
    that is cited and gone is never mistaken for another.

    Returns:
        The version after the commit.

    Raises:
        TransientError: the store failed; what was written stays.
    """
    lake.replace_all(spec, rows)
    table = lake.open(spec)
    if table is None:
        raise TransientError("the table is gone that was written just now", where=spec.full_name)
    try:
        _forget(table)
    except (DeltaError, OSError) as error:
        raise TransientError(
            "older versions cannot be taken away", received=str(error), where=spec.full_name, next_step="run it again"
        ) from error
    return table.version()


def _forget(table: DeltaTable) -> None:
    if any(table.metadata().configuration.get(name) != value for name, value in _PROPERTIES.items()):
        table.alter.set_table_properties(_PROPERTIES)
    # Not `full`: of files that stand in no log, one may be another writer's that has not committed yet.
    table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    table.update_incremental()
    table.create_checkpoint()
    table.cleanup_metadata()
