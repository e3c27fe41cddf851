"""Tables as they stood at the last question: what has not changed is neither opened nor described to DuckDB again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from core.errors import NotFoundError
from lake.duck import Duck, Limits
from lake.spec import TableSpec
from lake.store import TenantLake

_MOST = 2
"""Tables that stand at once: DuckDB holds some megabytes for each."""


@dataclass(frozen=True, slots=True)
class Stand:
    """A table at its latest version.

    Attributes:
        delta: at that version.
        version: its number.
        at: when that was committed, UTC.
        duck: over this table at this version, and over nothing else.
    """

    delta: DeltaTable
    version: int
    at: datetime
    duck: Duck


class Standing:
    """What stands of one tenant's tables; nobody else's questions are asked here.

    Args:
        lake: the tenant's.
        limits: what a query may take.
    """

    def __init__(self, lake: TenantLake, limits: Limits) -> None:
        self._lake = lake
        self._limits = limits
        self._idle: OrderedDict[TableSpec, Stand] = OrderedDict()
        self._lock = threading.Lock()

    @contextmanager
    def latest(self, spec: TableSpec) -> Generator[Stand]:
        """A table at its latest version, for a block alone; it does not stand any longer if the block raises.

        Raises:
            NotFoundError: nothing was written to it yet.
            GoldlayerError: the store does not answer, or refuses.
        """
        with self._lock:
            known = self._idle.pop(spec, None)
        stand = self._renewed(spec, known)
        try:
            yield stand
        except BaseException:  # whatever it was, an interrupt too: what its DuckDB is in the midst of is not known
            stand.duck.close()
            raise
        self._keep(spec, stand)

    def _renewed(self, spec: TableSpec, known: Stand | None) -> Stand:
        if known is None:
            return self._opened(spec)
        if not self._goes_on(spec, known):
            known.duck.close()
            return self._opened(spec)
        if known.delta.version() == known.version:
            return known
        known.duck.close()
        return self._stand(spec, known.delta)

    def _goes_on(self, spec: TableSpec, known: Stand) -> bool:
        """Bring the handle to the latest version; False if the log does not lead there from the one it has.

        A table that was made anew has other commits under the same numbers.
        """
        try:
            if self._lake.committed_at(spec, known.version) != known.at:
                return False
            known.delta.update_incremental()
        except (NotFoundError, DeltaError, OSError):
            return False
        return True

    def _opened(self, spec: TableSpec) -> Stand:
        delta = self._lake.open(spec)
        if delta is None:
            raise NotFoundError("nothing was written to this table yet", where=spec.full_name)
        return self._stand(spec, delta)

    def _stand(self, spec: TableSpec, delta: DeltaTable) -> Stand:
        version = delta.version()
        return Stand(delta, version, self._lake.committed_at(spec, version), Duck({spec: delta}, self._limits))

    def _keep(self, spec: TableSpec, stand: Stand) -> None:
        with self._lock:
            before = self._idle.pop(spec, None)
            self._idle[spec] = stand
            gone = [] if before is None else [before]
            while len(self._idle) > _MOST:
                gone.append(self._idle.popitem(last=False)[1])
        for one in gone:
            one.duck.close()
