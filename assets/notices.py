"""Telling a tenant's administrators that something of theirs was stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from core.run.folder import RunFolder
from core.run.postgres import Postgres
from core.settings import load_settings
from core.tenancy import Tenancy
from quality.outcome import Outcome


def blocked(table: str, days: str, failed: Sequence[Outcome]) -> tuple[str, str]:
    """Subject and message about blocking checks that failed. Pure."""
    told = [f"{one.check}: {one.observed}; right would be: {one.expected}. What to do: {one.remedy}." for one in failed]
    return (
        f"{table} does not pass its checks: nothing is built on it",
        f"On {days}, {' '.join(told)} What was published before stays as it is.",
    )


def tell(run: str, slug: str, subject: str, message: str) -> None:
    """Tell a tenant's administrators; the same subject once a day, however often a run is tried again.

    Args:
        run: the run folder.
        slug: the tenant.
        subject: in a few words.
        message: what happened, and what to do.
    """
    settings = load_settings()
    folder = RunFolder.open(Path(run), settings)

    async def work() -> None:
        async with await Tenancy.open(folder, Postgres(folder, settings), settings) as tenancy:
            await tenancy.fleet.tell(await tenancy.get(slug), "critical", subject, message)

    asyncio.run(work())
