"""What Dagster remembers of a tenant: its partition, and how far its bronze was worked off."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from core.db import TenantScope
from core.tenancy.moving import Contents

if TYPE_CHECKING:
    import dagster as dg


class TenantPartition:
    """Implements `Holding`. Nothing travels: where the tenant comes to, Dagster builds from what is in bronze.

    Args:
        instance: opens Dagster's instance; None where Dagster has never run, which makes this cost nothing.
        home: Dagster's folder.
    """

    name = "dagster"

    def __init__(self, instance: Callable[[], dg.DagsterInstance] | None, home: Path) -> None:
        self._instance = instance
        self._home = home

    async def export(self, scope: TenantScope, to: Path) -> Contents:  # noqa: ARG002  the port's signature
        """Nothing."""
        return {}

    async def remains(self, scope: TenantScope) -> str | None:  # noqa: ARG002  the port's signature
        """Nothing: what Dagster still knows of a slug costs it one look."""
        return None

    async def restore(self, scope: TenantScope, source: Path) -> Contents:  # noqa: ARG002  the port's signature
        """Nothing."""
        return {}

    async def remove(self, scope: TenantScope) -> None:
        """The partition key and dbt's folder go; a tenant of that slug made later is built from its first commit on."""
        if self._instance is not None:
            await asyncio.to_thread(_forget, self._instance, self._home, scope.slug)


def _forget(opened: Callable[[], dg.DagsterInstance], home: Path, slug: str) -> None:
    from assets.databases import MARTS
    from assets.partitions import TENANTS
    from orchestration import cursor

    shutil.rmtree(home / MARTS / slug, ignore_errors=True)
    with opened() as instance:
        cursor.forget(instance, slug)
        if instance.has_dynamic_partition(str(TENANTS.name), slug):
            instance.delete_dynamic_partition(str(TENANTS.name), slug)
