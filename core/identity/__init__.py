"""People, their passwords, sessions and tokens, their roles and permissions; and bridges, by their keys."""

from core.identity.external import ExternalIdentity
from core.identity.members import Member
from core.identity.service import PASSWORD, Identity, IdentityService
from core.identity.sessions import Client, SessionRecord, SessionTokens
from core.tenancy.tenancy import BridgeIdentity

__all__ = [
    "PASSWORD",
    "BridgeIdentity",
    "Client",
    "ExternalIdentity",
    "Identity",
    "IdentityService",
    "Member",
    "SessionRecord",
    "SessionTokens",
]
