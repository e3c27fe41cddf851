"""Tables that hold what is true now and nothing of what was: no version before the present one can be read."""

from __future__ import annotations

import pyarrow as pa
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from core.errors import InputError, TransientError
from lake.retention import properties
from lake.spec import TableSpec
from lake.store import TenantLake


def replace_and_forget(lake: TenantLake, spec: TableSpec, rows: pa.Table) -> int:
    """Make a table hold exactly these rows, and take away the files and the log of every version before.

    Cut off half way, it has written and not forgotten: the next call forgets. Versions go on counting, so that one
    that is cited and gone is never mistaken for another.

    Returns:
        The version after the commit.

    Raises:
        InputError: the table's older versions are promised to be kept.
        TransientError: the store failed; what was written stays.
    """
    if not spec.latest_only:
        raise InputError("older versions of this table are kept", where=spec.full_name)
    lake.replace_all(spec, rows)
    try:
        with lake.turn(spec):
            table = lake.open(spec)
            if table is None:
                raise TransientError("the table is gone that was written just now", where=spec.full_name)
            _forget(table, spec)
    except (DeltaError, OSError) as error:
        raise TransientError(
            "older versions cannot be taken away", received=str(error), where=spec.full_name, next_step="run it again"
        ) from error
    return table.version()


def _forget(table: DeltaTable, spec: TableSpec) -> None:
    at_once = properties(spec)
    if any(table.metadata().configuration.get(name) != value for name, value in at_once.items()):
        table.alter.set_table_properties(at_once)
    # Not `full`: of files that stand in no log, one may be another writer's that has not committed yet.
    table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    table.update_incremental()
    table.create_checkpoint()
    table.cleanup_metadata()
