"""Tenants: their registry, their databases, their sites, contracts and bridges."""

from core.db.scope import TenantScope
from core.tenancy.bridges import BridgeStanding
from core.tenancy.consents import Consents, Purpose
from core.tenancy.installation import init_platform
from core.tenancy.registry import InactiveTenantError
from core.tenancy.sites import RegisteredSite
from core.tenancy.tenancy import Tenancy

__all__ = [
    "BridgeStanding",
    "Consents",
    "InactiveTenantError",
    "Purpose",
    "RegisteredSite",
    "Tenancy",
    "TenantScope",
    "init_platform",
]
