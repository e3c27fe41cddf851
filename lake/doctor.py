"""What is right and wrong with the lake's store: permissions, versions, clocks, and whether it lets one writer win."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import DeltaError

from core.errors import GoldlayerError, TerminalError
from core.findings import Finding, State, notice, of_error, right, wrong
from lake.object_store import error_of, remove_all, scratch, told
from lake.race import CONTENDERS, race
from lake.storage import Storage
from lake.turns import remember

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_LIBRARIES = ("deltalake", "polars", "duckdb", "pyarrow", "obstore")
_SKEW_NOTED_S, _SKEW_WRONG_S = 5.0, 60.0
_CONTENT = b"goldlayer"
_UNSAID = "correct GOLDLAYER_LAKE__ROOT and its options, or ask who runs the store"
_APPENDS = 3
"""The third is the first to follow a commit that was itself found by listing."""
_ROWS = pa.table({"number": pa.array([1, 2, 3], pa.int64())})


def findings(storage: Storage, proof: Path) -> Iterator[Finding]:
    """Look at everything, in an order in which what fails explains what comes after it.

    Args:
        storage: of the lake.
        proof: where the outcome of the race is remembered for writers.
    """
    kind = "a folder" if storage.kind is None else f"{storage.kind.name} at {storage.endpoint}"
    told_by = ", ".join(sorted({*storage.options, *(f"{name} (vault)" for name in storage.secrets)}))
    yield right("store", f"{storage.root}, {kind}; {told_by or 'no options'}")
    yield right("versions", ", ".join(f"{name} {version(name)}" for name in _LIBRARIES))
    try:
        with scratch(storage) as (folder, store):
            yield from _inside(_Clinic(storage, folder, store))
    except GoldlayerError as error:
        yield of_error("store", error, _UNSAID)
        return
    yield _tried("conditional put", lambda: _race(storage, proof))


def _inside(clinic: _Clinic) -> Iterator[Finding]:
    looks = {"put": clinic.put, "get": clinic.get, "clock": clinic.clock, "list": clinic.list, "table": clinic.table}
    for thing, look in {**looks, "delete": clinic.delete}.items():
        found = _tried(thing, look)
        yield found
        if found.state is State.WRONG and thing in ("put", "get"):
            yield notice("permissions", f"the others are not looked at, since {thing} failed")
            return


def _tried(thing: str, look: Callable[[], str | Finding]) -> Finding:
    try:
        found = look()
    except GoldlayerError as error:
        return of_error(thing, error, _UNSAID)
    return found if isinstance(found, Finding) else right(thing, found)


def _race(storage: Storage, proof: Path) -> Finding | str:
    outcome = race(storage)
    remember(proof, storage, proven=outcome.proven)
    if outcome.proven:
        return f"one of {CONTENDERS} writers wins, {outcome.rounds} times in {outcome.rounds}: writers may be several"
    return wrong(
        "conditional put",
        f"{outcome.winners} of {CONTENDERS} writers win in round {outcome.rounds}: the others lose rows, unnoticed",
        "run one sink and one builder, others are refused; or use a store with atomic conditional puts",
    )


class _Clinic:
    """Looks at one store, in a folder of its own."""

    def __init__(self, storage: Storage, folder: str, store: ObjectStore) -> None:
        self._storage = storage
        self._folder = folder
        self._store = store
        self._sent = self._received = 0.0

    def put(self) -> str:
        """Write an object."""
        import obstore

        self._sent = time.time()
        with told(self._storage.root):
            obstore.put(self._store, "probe", _CONTENT)
        self._received = time.time()
        return f"an object is written in {(self._received - self._sent) * 1000:.0f} ms"

    def get(self) -> str:
        """Read it."""
        import obstore

        with told(self._storage.root):
            content = bytes(obstore.get(self._store, "probe").bytes())
        if content != _CONTENT:
            raise TerminalError("the store gives back other bytes than were put", received=content)
        return "it is read as it was written"

    def clock(self) -> Finding | str:
        """The store's clock, which stamps objects in whole seconds, against this machine's."""
        import obstore

        with told(self._storage.root):
            stamped = obstore.head(self._store, "probe")["last_modified"].timestamp()
        skew = max(self._sent - 1 - stamped, stamped - self._received, 0.0)
        at = datetime.fromtimestamp(stamped, UTC).isoformat(timespec="seconds")
        if skew <= _SKEW_NOTED_S:
            return f"the store's agrees with this machine's, {at}"
        say = wrong if skew > _SKEW_WRONG_S else notice
        return say(
            "clock",
            f"the store's is {skew:.0f} s away from this machine's: {at}",
            "set the clock of this machine",
        )

    def list(self) -> str:
        """Find it, and not beyond it: a Delta table is opened by asking for what came after a commit."""
        import obstore

        with told(self._storage.root):
            names = [one["path"] for page in obstore.list(self._store) for one in page]
            beyond = [one["path"] for page in obstore.list(self._store, offset="probe") for one in page]
        if names != ["probe"]:
            raise TerminalError("the store does not list what was put", expected="probe", received=names)
        if beyond:
            raise TerminalError(
                "the store lists from its beginning wherever it is asked to begin: no commit would be found",
                received=beyond,
                next_step="use a store that can list from a name on; Azurite can with azure_storage_use_emulator",
            )
        return "it is listed"

    def table(self) -> str:
        """A Delta table, written by one library and read by the others, as the product does."""
        location = f"{self._storage.root}/{self._folder}/table"
        options = self._storage.revealed()
        try:
            write_deltalake(location, _ROWS, mode="error", storage_options=options)
            for _ in range(_APPENDS):
                write_deltalake(location, _ROWS, mode="append", storage_options=options)
            table = DeltaTable(location, storage_options=options)
            by_polars = pl.scan_delta(table).select(pl.len()).collect().item()
            by_pyarrow = table.to_pyarrow_dataset().count_rows()
        except (DeltaError, OSError, pl.exceptions.PolarsError) as error:
            raise error_of(error, location) from error
        rows = (1 + _APPENDS) * len(_ROWS)
        if (table.version(), by_polars, by_pyarrow) != (_APPENDS, rows, rows):
            raise TerminalError("a table does not read as it was written", received=(by_polars, by_pyarrow))
        return "a Delta table is written, appended to, and read by all libraries"

    def delete(self) -> str:
        """Remove everything of this visit."""
        left = remove_all(self._storage, self._store)
        if left:
            raise TerminalError("the store keeps what was deleted", received=left)
        return "what the doctor wrote is removed"
