"""Telling a tenant's administrators that something of theirs was stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from core.run.folder import RunFolder
from core.run.postgres import Postgres
from core.settings import load_settings
from core.tenancy import Tenancy
from quality.outcome import Outcome, days_in_words

CHECK = "check/"
PUBLICATION = "publication/"
MARTS = "marts"
"""What a run tells of by itself; causes begin like this."""


def blocked(table: str, days: str, failed: Sequence[Outcome]) -> tuple[str, str, str]:
    """Cause, subject and message about blocking checks that failed. Pure.

    Args:
        table: full name.
        days: all that were checked, for checks that cannot tell which of them broke it.
        failed: the checks.
    """
    if all(one.days for one in failed):
        days = days_in_words(day for one in failed for day in one.days)
    told = [f"{one.check}: {one.observed}; right would be: {one.expected}. What to do: {one.remedy}." for one in failed]
    return (
        CHECK + table,
        f"{table} does not pass its checks: nothing is built on it",
        f"On {days}, {' '.join(told)} What was published before stays as it is.",
    )


def tell(run: str, slug: str, cause: str, subject: str, message: str) -> None:
    """Tell a tenant's administrators, once while it lasts, however often a run is tried again.

    Args:
        run: the run folder.
        slug: the tenant.
        cause: the same for the same trouble.
        subject: in a few words.
        message: what happened, and what to do.
    """
    settings = load_settings()
    folder = RunFolder.open(Path(run), settings)

    async def work() -> None:
        async with await Tenancy.open(folder, Postgres(folder, settings), settings) as tenancy:
            await tenancy.notices.tell(await tenancy.get(slug), cause, "critical", subject, message)

    asyncio.run(work())
