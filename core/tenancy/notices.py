"""What a tenant's administrators are told while it lasts: once a cause, and closed when it is good again."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from core.db import Database, TenantScope
from core.db.queries import load_queries
from core.log import get_logger
from core.tenancy.roles import ADMIN_ROLE

_SQL = load_queries("core.tenancy", "notices.sql")
_log = get_logger("tenancy")

Level = Literal["info", "warning", "critical"]


class Notices:
    """Notices with a cause, in the platform database under row-level security.

    Args:
        database: the platform database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tell(self, scope: TenantScope, cause: str, severity: Level, subject: str, message: str) -> bool:
        """Tell the administrators; False if they were told of this cause and it is not over.

        However many processes notice something at once, one of them tells. A person who has put a notice away is not
        told again while it lasts.

        Args:
            scope: the tenant.
            cause: the same for the same trouble, `check/gold.kpi_daily`.
            severity: how bad it is.
            subject: in a few words.
            message: what happened, and what to do.
        """
        async with self._database.transaction(scope.id) as transaction:
            is_new = bool(
                await transaction.fetchval(_SQL["tell"], scope.id, ADMIN_ROLE, severity, subject, message, cause)
            )
        if is_new:
            _log.warning("notice is given", action="notice", tenant=scope.slug, cause=cause, subject=subject)
        return is_new

    async def settle(self, scope: TenantScope, cause: str) -> bool:
        """Close the notice of a cause that is over; False if none stands."""
        async with self._database.transaction(scope.id) as transaction:
            subject = await transaction.fetchval(_SQL["settle"], cause)
        if subject is not None:
            _log.info("notice is closed", action="notice_closed", tenant=scope.slug, cause=cause, subject=subject)
        return subject is not None

    async def standing(self, scope: TenantScope) -> dict[str, datetime]:
        """Causes that are not over, with when they were told, the oldest first."""
        async with self._database.transaction(scope.id, readonly=True) as transaction:
            return {row["cause"]: row["created_at"] for row in await transaction.fetch(_SQL["standing"])}
