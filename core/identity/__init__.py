"""People, their passwords, sessions and tokens, their roles and permissions; and bridges, by their keys."""

from core.identity.authority import Authority
from core.identity.external import ClaimedRoles, ExternalIdentity
from core.identity.identity import PASSWORD, Identity
from core.identity.members import Member
from core.identity.service import IdentityService
from core.identity.sessions import Client, SessionRecord, SessionTokens
from core.tenancy.bridges import BridgeIdentity

__all__ = [
    "PASSWORD",
    "Authority",
    "BridgeIdentity",
    "ClaimedRoles",
    "Client",
    "ExternalIdentity",
    "Identity",
    "IdentityService",
    "Member",
    "SessionRecord",
    "SessionTokens",
]
