"""Texts with their vectors, in the tenant's own database."""

from assets.embeddings.fault_memory import fault_memory

ASSETS = [fault_memory]
CHECKS: list[object] = []
"""None of their own: every check runs inside the asset it belongs to."""

__all__ = ["ASSETS", "CHECKS"]
