"""The sensor that tells: failed runs, failed checks, stale tables, stopped sensors; and closes what is good again.

It looks at states, not at events: a notice that could not be given is given at the next look, and none is given twice.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import polars as pl
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import InstigatorStatus, TickStatus
from dagster._core.storage.tags import WILL_RETRY_TAG

from assets.declared import STALE_AFTER
from assets.notices import PUBLICATION
from assets.partitions import TENANT_TAG
from assets.resources import LakeResource
from assets.serving.gate import withheld
from assets.serving.tables import PUBLISHED
from core.errors import GoldlayerError
from core.log import get_logger
from core.run.folder import RunFolder
from core.run.postgres import Postgres
from core.settings import load_settings
from core.tenancy import Tenancy
from lake.spec import Layer
from lake.store import TenantLake
from lake.tables import TABLES
from lake.tables.ops import CHECK_RESULTS
from orchestration import trouble
from orchestration.sensors import follow_upstream
from orchestration.trouble import Attempt, StepError, Trouble, attempt
from quality.standing import failures

NOTICES = "notices"
"""The resource that the sensor tells through."""
_EVERY_S = 60
_REMEMBERED = timedelta(days=1)
"""Failures from before the first look that are told of."""
_RECENT = timedelta(days=30)
"""Checks that are looked through first for what was built when."""
_COMPUTED = (Layer.SILVER, Layer.GOLD, Layer.OPS)
_log = get_logger("orchestration")


@dataclass(frozen=True, slots=True)
class Change:
    """What a look comes to for one tenant: what to tell, and which causes are over."""

    told: Sequence[Trouble]
    over: Sequence[str]


@dataclass(frozen=True, slots=True)
class Tended:
    """What a look at all tenants came to.

    Attributes:
        told: notices that were given.
        over: notices that were closed.
        missed: tenants that could not be looked at.
    """

    told: int
    over: int
    missed: int

    def next_since(self, since: datetime, now: datetime) -> datetime:
        """From when on the next look has to look: for a tenant that was missed from before, a day back at most."""
        return max(since, now - _REMEMBERED) if self.missed else now


Look = Callable[[str, Mapping[str, datetime]], Change]
"""Given a tenant and the causes that stand there, what changes."""


class NoticeBoard(dg.ConfigurableResource):  # pyright: ignore[reportMissingTypeArgument]  Dagster's own parameter
    """The notices of an installation's tenants.

    Attributes:
        run: the run folder.
    """

    run: str

    def tend(self, look: Look) -> Tended:
        """Look at every tenant, tell what is new and close what is over."""
        settings = load_settings()
        run = RunFolder.open(Path(self.run), settings)

        async def work() -> Tended:
            told = over = missed = 0
            async with await Tenancy.open(run, Postgres(run, settings), settings) as tenancy:
                for scope in await tenancy.list():
                    try:
                        change = look(scope.slug, await tenancy.notices.standing(scope))
                    except GoldlayerError as error:  # one tenant's lake is in nobody else's way
                        _log.error("tenant is not looked at", action=NOTICES, tenant=scope.slug, reason=str(error))
                        missed += 1
                        continue
                    for one in change.told:
                        words = (one.cause, one.severity, one.subject, one.message)
                        told += await tenancy.notices.tell(scope, *words)
                    for cause in change.over:
                        over += await tenancy.notices.settle(scope, cause)
            return Tended(told, over, missed)

        return asyncio.run(work())


@dg.sensor(
    name="alerts",
    minimum_interval_seconds=_EVERY_S,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Failed runs and checks, stale tables and stopped sensors become notices to the tenant's "
    "administrators, once a cause; what is good again is closed.",
)
def alerts(context: dg.SensorEvaluationContext, lake: LakeResource, notices: NoticeBoard) -> dg.SkipReason:
    """Starts no run; its reason says what was told."""
    now = datetime.now(UTC)
    since = datetime.fromisoformat(context.cursor) if context.cursor else now - _REMEMBERED
    done = notices.tend(looking(context.instance, lake, since, now))
    context.update_cursor(done.next_since(since, now).isoformat())
    news = f"{done.told} told, {done.over} closed" if done.told or done.over else "nothing new"
    return dg.SkipReason(f"{news}; {done.missed} tenants could not be looked at" if done.missed else news)


def looking(instance: dg.DagsterInstance, lake: LakeResource, since: datetime, now: datetime) -> Look:
    """What a look at a tenant finds; what concerns all is read once.

    Args:
        instance: Dagster's.
        lake: the lake.
        since: failures after it are new.
        now: the time.
    """
    failed = _failed(instance, since)
    everywhere = trouble.of_instigators(*_instigators(instance))

    def look(slug: str, stands: Mapping[str, datetime]) -> Change:
        own = lake.tenant(slug)
        stale = trouble.of_tables(_last_built(own, now, told=trouble.FRESHNESS in stands), now, STALE_AFTER)
        lasting = [*everywhere, *([stale] if stale else [])]
        runs = [one for whose, one in failed if whose in (slug, None)]
        named = {one.cause for one in (*lasting, *runs)}
        over = [
            cause for cause, at in stands.items() if cause not in named and _is_over(instance, own, slug, cause, at)
        ]
        return Change([one for one in (*lasting, *runs) if one.cause not in stands], over)

    return look


def _failed(instance: dg.DagsterInstance, since: datetime) -> list[tuple[str | None, Trouble]]:
    """Runs that failed since, are not tried again by Dagster, and were not made good: whose, and what to tell."""
    records = instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=since))
    found: list[tuple[str | None, Trouble]] = []
    for record in records:
        run, slug = record.dagster_run, trouble.tenant_of(record.dagster_run)
        if run.tags.get(WILL_RETRY_TAG) == "true" or _made_good(instance, attempt(run), slug, record.create_timestamp):
            continue
        if told := trouble.of_run(attempt(run), _errors(instance, run.run_id), theirs=slug is not None):
            found.append((slug, told))
    return found


def _errors(instance: dg.DagsterInstance, run_id: str) -> list[StepError]:
    events = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.STEP_FAILURE).records
    found: list[StepError] = []
    for event in (record.event_log_entry.get_dagster_event() for record in events):
        error = event.step_failure_data.error
        while error is not None and error.cause is not None:
            error = error.cause
        if error is not None:
            text = error.message.strip().partition(": ")[2] or error.message.strip()
            found.append(StepError(event.step_key or "", error.cls_name or "error", text))
    return found


def _is_over(instance: dg.DagsterInstance, lake: TenantLake, slug: str, cause: str, at: datetime) -> bool:
    """Whether what was told at some time is good again."""
    if cause.startswith(trouble.RUN):
        failed = instance.get_run_by_id(cause.removeprefix(trouble.RUN))
        return failed is None or _made_good(instance, attempt(failed), trouble.tenant_of(failed), at)
    if (table := trouble.table_of(cause)) is not None:
        return failures(lake, [table]).is_empty()
    if (asset := trouble.publishes(cause)) is not None:
        held_back = any(withheld(lake, one).height for one in PUBLISHED if cause == PUBLICATION + one.name)
        return not held_back and any(trouble.wrote(done, asset) for done in _succeeded(instance, slug, at))
    # Freshness, sensors and schedules: what is not named any more is over.
    return cause == trouble.FRESHNESS or cause.startswith((trouble.STOPPED, trouble.FAILING))


def _made_good(instance: dg.DagsterInstance, failed: Attempt, slug: str | None, at: datetime) -> bool:
    return any(done.makes_good(failed) for done in _succeeded(instance, slug, at))


def _succeeded(instance: dg.DagsterInstance, slug: str | None, after: datetime) -> Iterable[Attempt]:
    tags = {TENANT_TAG: slug} if slug is not None else {}
    wanted = dg.RunsFilter(tags=tags, statuses=[dg.DagsterRunStatus.SUCCESS], updated_after=after)
    return (attempt(run) for run in instance.get_runs(wanted))


def _last_built(lake: TenantLake, now: datetime, *, told: bool) -> dict[str, datetime]:
    """When each table that is to be fresh was built last; its checks tell, which run whenever it is built.

    What was `told` to be stale may have been built before all that is recent, and is no fresher for it.
    """
    rows = {} if told else _builds(lake, now - _RECENT)
    rows = rows or _builds(lake, None)
    return {name: at for name, at in rows.items() if name in TABLES and TABLES[name].layer in _COMPUTED}


def _builds(lake: TenantLake, since: datetime | None) -> dict[str, datetime]:
    rows = lake.scan(CHECK_RESULTS, first=since.date() if since else None)
    return dict(rows.group_by("table").agg(pl.col("at").max()).collect().iter_rows())


def _instigators(instance: dg.DagsterInstance) -> tuple[list[str], dict[str, str]]:
    """Sensors and schedules that were stopped by hand, and those whose last look failed; one is off by default."""
    stopped: list[str] = []
    failing: dict[str, str] = {}
    if instance.schedule_storage is None:  # an instance in memory keeps none
        return stopped, failing
    for kind in (InstigatorType.SENSOR, InstigatorType.SCHEDULE):
        for state in instance.all_instigator_state(instigator_type=kind):
            if state.instigator_name == follow_upstream.name:
                continue
            if state.status is InstigatorStatus.STOPPED:
                stopped.append(state.instigator_name)
                continue
            ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
            if ticks and ticks[0].status is TickStatus.FAILURE:
                error = ticks[0].error
                failing[state.instigator_name] = (error.cls_name if error else None) or "an error"
    return stopped, failing
