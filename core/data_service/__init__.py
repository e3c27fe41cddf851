"""What modules learn of their tenant from the platform database."""

from core.data_service.data_service import Sources, TenantCoreData

__all__ = ["Sources", "TenantCoreData"]
