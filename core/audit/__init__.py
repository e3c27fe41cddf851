"""Who changed what, when, through which face and with what outcome: append-only, chained by a keyed hash.

What holds against whom: the roles of the product cannot change or remove a record, triggers and grants see to it. The
owner of the tables and a superuser can switch the triggers off and then change anything, but not so that the chain
still holds: the hash needs a key, and the end of each chain is noted, both outside the database. Whoever holds the
database and the run folder can write another history; copy the heads (`audit/*.head`) to a third place against that.
"""

from core.audit.actor import Actor, ActorKind, Interface, request
from core.audit.admin import AdminDoor
from core.audit.audit import Audit
from core.audit.record import AuditRecord
from core.audit.verifying import Verification

__all__ = ["Actor", "ActorKind", "AdminDoor", "Audit", "AuditRecord", "Interface", "Verification", "request"]
