"""Who changed what, when and with what outcome: append-only, chained per tenant by a keyed hash."""

from core.audit.audit import Audit, AuditRecord, Verification

__all__ = ["Audit", "AuditRecord", "Verification"]
