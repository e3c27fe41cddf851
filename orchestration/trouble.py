"""What is wrong with a tenant's tables, and when it is good again. Pure: runs and rows in, troubles out.

A trouble has a cause that is the same for as long as it lasts; who keeps a note of causes tells of each once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import dagster as dg
from dagster._core.storage.tags import PARTITION_NAME_TAG

from assets.notices import CHECK, MARTS, PUBLICATION
from assets.partitions import RANGE_END, RANGE_START, TENANT_TAG, span
from assets.window import NOT_REBUILT
from core.tenancy.notices import Level

RUN = "run/"
FRESHNESS = "freshness"
STOPPED = "stopped/"
FAILING = "failing/"
_OURS = ("InputError", "NotFoundError", "TerminalError", "TransientError", "DeniedError")
_TELLS_ITSELF = "DagsterAssetCheckFailedError"
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that lasts and has to be told.

    Attributes:
        cause: the same while it lasts.
        severity: how bad it is.
        subject: in a few words.
        message: what happened, and what to do.
    """

    cause: str
    severity: Level
    subject: str
    message: str


@dataclass(frozen=True, slots=True)
class StepError:
    """Why a step of a run failed.

    Attributes:
        step: its key.
        kind: class of the error at the root.
        text: what it said.
    """

    step: str
    kind: str
    text: str

    @property
    def is_told(self) -> bool:
        """True if the cause has a notice already: a check, a publication, the marts, the failure of the run before."""
        serving = self.step == MARTS or self.step.startswith("publish_")
        if self.kind == "TerminalError":
            return serving or NOT_REBUILT in self.text
        return self.kind == _TELLS_ITSELF


@dataclass(frozen=True, slots=True)
class Attempt:
    """A run, as far as it matters here.

    Attributes:
        root: id of the first run it is another attempt of; its own otherwise.
        job: name.
        days: first and last day as written; None for a run without.
        assets: keys; None for all.
    """

    run_id: str
    root: str
    job: str
    days: tuple[str, str] | None
    assets: frozenset[dg.AssetKey] | None

    def makes_good(self, failed: "Attempt") -> bool:
        """True if this one, which succeeded, did what that one was to do."""
        if self.root == failed.root:
            return True
        if self.job != failed.job:
            return False
        whole = self.assets is None or (failed.assets is not None and failed.assets <= self.assets)
        if failed.days is None:
            return whole
        return whole and self.days is not None and self.days[0] <= failed.days[0] and self.days[1] >= failed.days[1]


def attempt(run: dg.DagsterRun) -> Attempt:
    """A run of Dagster's."""
    first, last = run.tags.get(RANGE_START), run.tags.get(RANGE_END)
    key = run.tags.get(PARTITION_NAME_TAG)
    days = (first, last) if first and last else (key, key) if key and "|" in key else None
    return Attempt(
        run.run_id,
        run.root_run_id or run.run_id,
        run.job_name if not run.job_name.startswith("__") else "build",
        (days[0].partition("|")[0], days[1].partition("|")[0]) if days else None,
        frozenset(run.asset_selection) if run.asset_selection is not None else None,
    )


def of_run(failed: Attempt, errors: Sequence[StepError], *, theirs: bool) -> Trouble | None:
    """What to tell of a run that failed; None if what stopped its steps was told.

    Args:
        failed: the run.
        errors: of its steps; none if its process died.
        theirs: the run was the tenant's own, so that what it said is theirs to read.
    """
    if errors and all(one.is_told for one in errors):
        return None
    days = f" over {span(*failed.days)}" if failed.days else ""
    said = "; ".join(f"{one.step}: {_why(one)}" for one in errors[:_NAMED]) or "its process ended before it was done"
    why = said if theirs else "it is the installation's own job, and its run says why"
    return Trouble(
        RUN + failed.root,
        "critical",
        f"A run of {failed.job}{days} failed",
        f"Run {failed.run_id[:8]} of {failed.job}{days} failed: {why}. What was built before stays. What to do: open "
        "the run in Dagster, correct the cause, and re-execute it from the failure, then the runs that came after it.",
    )


def _why(error: StepError) -> str:
    """What an error of ours said; of others only the class, since their words may hold anything."""
    return error.text if error.kind in _OURS else f"an unexpected error ({error.kind}), which the run's log explains"


def of_tables(last_built: Mapping[str, datetime], now: datetime, window: timedelta) -> Trouble | None:
    """What to tell of tables that were not built for longer than their freshness policy allows.

    Args:
        last_built: when each table with such a policy was built last, by full name.
        now: the time.
        window: what the policy allows.
    """
    stale = {name: at for name, at in last_built.items() if now - at > window}
    if not stale:
        return None
    since = f"; the latest of them was built at {max(stale.values()):%Y-%m-%d %H:%M} UTC"
    names = ", ".join(sorted(stale)[:_NAMED]) + (f" and {len(stale) - _NAMED} more" if len(stale) > _NAMED else "")
    return Trouble(
        FRESHNESS,
        "warning",
        f"{len(stale)} of {len(last_built)} tables are stale",
        f"Nothing was built for {window.days} days of {names}{since}. What to do: look whether the bridges send "
        "(`platform bridges list`), whether the sensor bronze_watch runs, and whether a run is stuck in the queue.",
    )


def of_instigators(stopped: Iterable[str], failing: Mapping[str, str]) -> list[Trouble]:
    """What to tell of sensors and schedules that somebody stopped, or whose last look failed.

    Args:
        stopped: names.
        failing: class of the error by name.
    """
    return [
        *(
            Trouble(
                STOPPED + name,
                "warning",
                f"{name} is stopped",
                f"Somebody stopped {name}: what it does is not done by itself. What to do: switch it on again in "
                "Dagster, under Automation; what came meanwhile is worked off then.",
            )
            for name in sorted(stopped)
        ),
        *(
            Trouble(
                FAILING + name,
                "critical",
                f"{name} fails",
                f"The last look of {name} ended with {kind}: what it does is not done. What to do: read its last tick "
                "in Dagster, under Automation; it tries again by itself.",
            )
            for name, kind in sorted(failing.items())
        ),
    ]


def publishes(cause: str) -> str | None:
    """The asset whose success ends a cause that serving told of: `kpi/kpi_daily`, or a group's prefix, `mart`."""
    if cause == MARTS:
        return "mart/"
    return f"kpi/{cause.removeprefix(PUBLICATION)}" if cause.startswith(PUBLICATION) else None


def wrote(done: Attempt, asset: str) -> bool:
    """True if a run that succeeded was to write an asset, or one that begins so."""
    return done.assets is None or any(key.to_user_string().startswith(asset) for key in done.assets)


def table_of(cause: str) -> str | None:
    """The table whose checks a cause is about."""
    return cause.removeprefix(CHECK) if cause.startswith(CHECK) else None


def tenant_of(run: dg.DagsterRun) -> str | None:
    """Whose run it was; None for the installation's own."""
    return run.tags.get(TENANT_TAG)
