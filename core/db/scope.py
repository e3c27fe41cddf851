"""What scoped objects are built from: proof that the platform looked a tenant up."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class TenantScope:
    """One tenant, as the platform database knows it; made only by `core.tenancy`.

    Whoever holds one acts for that tenant and no other: connector, lake, audit and tokens are built from it, and none
    of them takes a tenant's id or name beside it.
    """

    id: UUID
    slug: str
    name: str
