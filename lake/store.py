"""The Delta lake, one tenant at a time: `<root>/<tenant>/<layer>/<table>`.

Every write is one commit and is tried again when it met another one; application transactions make that safe.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import DeltaError, TableNotFoundError

from core.errors import InputError, NotFoundError, TransientError
from lake.attempts import until_it_fits
from lake.commits import commit_time, days_in_commits, rows_in_commits
from lake.growth import empty, grow, padded
from lake.object_store import error_of
from lake.retention import properties
from lake.spec import TableSpec
from lake.transactions import has_happened
from lake.turns import FreeTurns, Turns

_SLUG = re.compile(r"[a-z][a-z0-9-]{1,38}[a-z0-9]")


class Lake:
    """The root of all tenants' tables.

    Args:
        root: a local folder or an object-store URL.
        storage_options: what the object store needs, in deltalake's own names.
        checkpoint_every: commits between two Delta checkpoints.
        turns: who may commit when; everybody at once if not given.
    """

    def __init__(
        self,
        root: str,
        storage_options: Mapping[str, str] | None = None,
        *,
        checkpoint_every: int = 100,
        turns: Turns | None = None,
    ) -> None:
        self.root = root if "://" in root else str(Path(root).absolute())
        self._options = dict(storage_options or {})
        self._checkpoint_every = checkpoint_every
        self.turns = turns or FreeTurns()

    def tenant(self, slug: str) -> TenantLake:
        """The tables of one tenant.

        Raises:
            InputError: `slug` cannot be a tenant's.
        """
        if not _SLUG.fullmatch(slug):
            raise InputError("not a tenant slug", expected=_SLUG.pattern, received=slug)
        return TenantLake(f"{self.root}/{slug}", self._options, self._checkpoint_every, self.turns)


class TenantLake:
    """Every table of one tenant, and of no other; made by `Lake.tenant`."""

    def __init__(self, root: str, storage_options: Mapping[str, str], checkpoint_every: int, turns: Turns) -> None:
        self._root = root
        self._options = dict(storage_options)
        self._checkpoint_every = checkpoint_every
        self._turns = turns

    @property
    def root(self) -> str:
        """Folder or URL under which everything of the tenant is."""
        return self._root

    @property
    def storage_options(self) -> dict[str, str]:
        """What the object store needs."""
        return dict(self._options)

    def location(self, spec: TableSpec) -> str:
        """Folder or URL of a table."""
        return f"{self._root}/{spec.layer.value}/{spec.name}"

    def turn(self, spec: TableSpec) -> AbstractContextManager[bool]:
        """Commit to a table for a block; see `Turns.of`. Who already has a turn may take another.

        Raises:
            TerminalError: the store takes one writer, and another process is it.
        """
        return self._turns.of(self.location(spec), spec.layer)

    def open(self, spec: TableSpec, version: int | None = None) -> DeltaTable | None:
        """The Delta table at a version; None if it was never written.

        Raises:
            NotFoundError: it never had that version.
            TransientError: the store does not answer.
            TerminalError: it refuses.
        """
        try:
            return DeltaTable(self.location(spec), version=version, storage_options=self._options)
        except TableNotFoundError:
            if version is None:
                return None
            raise NotFoundError("no such table", where=spec.full_name) from None
        except OSError as error:
            raise error_of(error, spec.full_name) from error
        except DeltaError as error:
            if version is None:
                raise TransientError("table cannot be opened", received=str(error), where=spec.full_name) from error
            raise NotFoundError("no such version", received=version, where=spec.full_name) from error

    def version(self, spec: TableSpec) -> int | None:
        """Latest version; None if the table was never written."""
        table = self.open(spec)
        return None if table is None else table.version()

    def committed_at(self, spec: TableSpec, version: int) -> datetime:
        """When a version was committed, UTC.

        Raises:
            NotFoundError: the Delta log does not keep that version.
        """
        return commit_time(self.location(spec), self._options, version)

    def days(self, spec: TableSpec, version: int | None = None) -> list[date]:
        """Days that hold at least one file at a version, sorted; empty if the table is not partitioned by date."""
        table = self.open(spec, version)
        return [] if table is None else days_of(spec, table)

    def count(self, spec: TableSpec) -> int:
        """Rows of the latest version, from the Delta log alone; 0 if the table was never written."""
        table = self.open(spec)
        return 0 if table is None else table.count()

    def transaction_version(self, spec: TableSpec, app_id: str) -> int | None:
        """The last version an application wrote under its id; None if it never did."""
        return self.transaction_versions(spec, [app_id]).get(app_id)

    def transaction_versions(self, spec: TableSpec, app_ids: Iterable[str], at: int | None = None) -> dict[str, int]:
        """The last version written under each of some application ids, as of one version of the table.

        Ids under which nothing was written are left out.
        """
        table = self.open(spec, at)
        if table is None:
            return {}
        found = {one: table.transaction_version(one) for one in app_ids}
        return {one: version for one, version in found.items() if version is not None}

    def append(
        self,
        spec: TableSpec,
        table: pa.Table,
        *,
        transactions: Mapping[str, int] = {},
        after: Mapping[str, int] = {},
        positions: Mapping[str, int] = {},
        metadata: Mapping[str, str] = {},
    ) -> int:
        """Add rows in one commit; an empty table makes an empty commit that carries the transactions.

        Before each attempt every transaction is compared with the table: a commit whose every id is already at its
        version or beyond has happened, and is not repeated.

        Args:
            spec: the table.
            table: the rows.
            transactions: number reached by each application id; decides whether this commit has happened.
            after: number each id had when the commit was planned, 0 for none; of two writers that planned upon the
                same one, one writes.
            positions: further application versions to write along; they may go back and decide nothing.
            metadata: goes into the commit's own record.

        Returns:
            The version after the commit.

        Raises:
            TerminalError: some ids are at their version and others are not, or another writer has moved one on: the
                caller's plan is stale.
        """
        rows = spec.conform(table)
        properties = CommitProperties(
            app_transactions=[
                Transaction(name, version) for name, version in sorted({**transactions, **positions}.items())
            ],
            custom_metadata=dict(metadata) or None,
        )

        def commit(target: DeltaTable) -> None:
            last = {app: target.transaction_version(app) for app in transactions}
            if not has_happened(last, transactions, after, where=spec.full_name):
                write_deltalake(target, rows, mode="append", commit_properties=properties)

        return self.commit(spec, commit)

    def replace_days(self, spec: TableSpec, table: pa.Table, days: Sequence[date]) -> int:
        """Make exactly these days hold exactly these rows, in one commit; other days are not touched.

        A day without rows becomes empty. Writing the same again gives the same table.

        Returns:
            The version after the commit.

        Raises:
            InputError: a row lies outside `days`, or the table is not partitioned by date.
        """
        if "date" not in spec.partition_by:
            raise InputError("table is not partitioned by date", where=spec.full_name)
        rows = spec.conform(table)
        strangers = sorted(set(rows.column("date").unique().to_pylist()) - set(days))
        if strangers:
            raise InputError(
                "rows lie outside the days to replace",
                expected=", ".join(str(day) for day in days),
                received=", ".join(str(day) for day in strangers),
                where=spec.full_name,
            )
        if not days:
            raise InputError("no day to replace", where=spec.full_name)
        listed = ", ".join(f"'{day.isoformat()}'" for day in sorted(set(days)))

        def commit(target: DeltaTable) -> None:
            write_deltalake(target, rows, mode="overwrite", predicate=f"date in ({listed})")

        return self.commit(spec, commit)

    def replace_all(self, spec: TableSpec, table: pa.Table) -> int:
        """Make the table hold exactly these rows, in one commit.

        Returns:
            The version after the commit.
        """
        rows = spec.conform(table)
        return self.commit(spec, lambda target: write_deltalake(target, rows, mode="overwrite"))

    def scan(
        self, spec: TableSpec, *, first: date | None = None, last: date | None = None, version: int | None = None
    ) -> pl.LazyFrame:
        """Rows of the days `first` to `last`, both included, at a version; empty if the table was never written."""
        table = self.open(spec, version)
        if table is None:
            return empty(spec).lazy()
        rows = padded(spec, table, pl.scan_delta(table))
        if first is not None:
            rows = rows.filter(pl.col("date") >= first)
        return rows if last is None else rows.filter(pl.col("date") <= last)

    def days_added_since(self, spec: TableSpec, version: int | None) -> tuple[int, list[date]]:
        """The latest version, and the days to which data was added after `version`; compaction adds none.

        Args:
            spec: a table partitioned by date.
            version: the version seen last; None for everything the table holds.

        Returns:
            `(-1, [])` if the table was never written.
        """
        table = self.open(spec)
        if table is None:
            return -1, []
        latest = table.version()
        if version is None:
            return latest, self.days(spec, latest)
        try:
            return latest, days_in_commits(self.location(spec), self._options, version + 1, latest)
        except NotFoundError:  # the log was cleaned up behind the cursor: what the table holds is the safe answer
            return latest, self.days(spec, latest)

    def rows_added_since(self, spec: TableSpec, version: int | None, names: Sequence[str]) -> pl.DataFrame:
        """Columns of the rows added after `version`, of a table that is only appended to.

        Args:
            spec: the table.
            version: the version seen last; None for everything the table holds.
            names: the columns; not those it is partitioned by.
        """
        table = self.open(spec)
        if table is not None and version is not None:
            schema = pa.schema([pa.field(name, spec.schema.field(name).type) for name in names])
            try:
                rows = rows_in_commits(self.location(spec), self._options, version + 1, table.version(), schema)
            except NotFoundError:  # cleaned up or rewritten behind the cursor: all it holds is the safe answer
                return self.scan(spec).select(names).collect()
            return pl.DataFrame(rows)
        return self.scan(spec).select(names).collect()

    def append_once(self, spec: TableSpec, table: pa.Table, *, name: str, after: int) -> bool:
        """Add rows in one commit, unless somebody else has moved on from what the rows were planned upon.

        Args:
            spec: the table.
            table: the rows.
            name: application id under which commits of this kind are numbered.
            after: the number read before the rows were planned, 0 if none; the commit becomes the next one.

        Returns:
            True if this call wrote; False if another commit has that number: read again and plan anew.
        """
        rows = spec.conform(table)
        properties = CommitProperties(app_transactions=[Transaction(name, after + 1)])
        wrote = False

        def commit(target: DeltaTable) -> None:
            nonlocal wrote
            if (target.transaction_version(name) or 0) == after:
                write_deltalake(target, rows, mode="append", commit_properties=properties)
                wrote = True

        self.commit(spec, commit)
        return wrote

    def commit(self, spec: TableSpec, commit: Callable[[DeltaTable], Any]) -> int:
        """Run a commit on a fresh handle until it does not collide with another; see `until_it_fits`.

        Returns:
            The version after the commit.
        """

        def attempt() -> int:
            with self.turn(spec):
                target = self.open(spec) or self._create(spec)
                if grow(spec, target):
                    target = self.open(spec) or target
                commit(target)
                return target.version()

        return until_it_fits(attempt, columns=", ".join(spec.schema.names), where=self.location(spec))

    def _create(self, spec: TableSpec) -> DeltaTable:
        """An empty table; a writer that creates it at the same moment wins without harm."""
        return DeltaTable.create(
            self.location(spec),
            schema=spec.schema,
            mode="ignore",
            partition_by=list(spec.partition_by),
            name=spec.full_name,
            description=spec.description,
            configuration={"delta.checkpointInterval": str(self._checkpoint_every), **properties(spec)},
            storage_options=self._options,
        )


def days_of(spec: TableSpec, table: DeltaTable) -> list[date]:
    """Days that hold at least one file of an open table, sorted; empty if it is not partitioned by date."""
    if "date" not in spec.partition_by:
        return []
    return sorted({date.fromisoformat(str(partition["date"])) for partition in table.partitions()})
