"""People, their passwords and tokens, their roles and permissions; and bridges, by their keys."""

from core.identity.service import Identity, IdentityService, Member
from core.tenancy.tenancy import BridgeIdentity

__all__ = ["BridgeIdentity", "Identity", "IdentityService", "Member"]
