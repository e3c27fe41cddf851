"""Reading single commits of a Delta log (Delta protocol, *Delta Log Entries*).

The library's own `history()` numbers commits from the handle's version whatever came after it, so what is asked of
one commit is read from its file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.parquet as pq
from deltalake.fs import DeltaStorageHandler

from core.errors import NotFoundError

Action = dict[str, Any]


def _actions(files: pafs.FileSystem, location: str, version: int) -> Iterator[Action]:
    try:
        with files.open_input_stream(f"_delta_log/{version:020d}.json") as stream:
            lines = stream.read().splitlines()
    except FileNotFoundError as error:
        raise NotFoundError("the Delta log no longer keeps this version", received=version, where=location) from error
    for line in lines:
        if line.strip():
            yield json.loads(line)


def actions_of(location: str, storage_options: Mapping[str, str], version: int) -> list[Action]:
    """Everything the log says of one commit.

    Raises:
        NotFoundError: the log was cleaned up beyond it.
    """
    return list(_actions(_files(location, storage_options), location, version))


def _files(location: str, storage_options: Mapping[str, str]) -> pafs.FileSystem:
    return pafs.PyFileSystem(DeltaStorageHandler(location, dict(storage_options) or None))


def commit_time(location: str, storage_options: Mapping[str, str], version: int) -> datetime:
    """When a version was committed, UTC.

    Raises:
        NotFoundError: the log was cleaned up beyond it.
    """
    for action in _actions(_files(location, storage_options), location, version):
        if "commitInfo" in action:
            return datetime.fromtimestamp(action["commitInfo"]["timestamp"] / 1000, tz=UTC)
    raise NotFoundError("commit does not say when it was made", received=version, where=location)


def days_in_commits(location: str, storage_options: Mapping[str, str], first: int, last: int) -> list[date]:
    """Days to which the commits `first` to `last` added data; rewrites of the same data (compaction) add none.

    Raises:
        NotFoundError: the log was cleaned up beyond `first`.
    """
    files = _files(location, storage_options)
    return sorted(
        {
            date.fromisoformat(action["add"]["partitionValues"]["date"])
            for version in range(first, last + 1)
            for action in _actions(files, location, version)
            if "add" in action and action["add"]["dataChange"]
        }
    )


def rows_in_commits(
    location: str, storage_options: Mapping[str, str], first: int, last: int, schema: pa.Schema
) -> pa.Table:
    """Rows that the commits `first` to `last` added, of columns that are no partitions.

    Raises:
        NotFoundError: the log was cleaned up beyond `first`, or a file was rewritten and removed.
    """
    files = _files(location, storage_options)
    found = [schema.empty_table()]
    for version in range(first, last + 1):
        for action in _actions(files, location, version):
            if "add" in action and action["add"]["dataChange"]:
                path = unquote(action["add"]["path"])
                try:
                    found.append(pq.read_table(path, filesystem=files, columns=schema.names).cast(schema))
                except FileNotFoundError as error:
                    raise NotFoundError("a file of the Delta table is gone", received=path, where=location) from error
    return pa.concat_tables(found)
