"""Published KPIs and the marts over them, in the tenant's own database."""

from assets.serving.published import ASSETS

CHECKS: list[object] = []
"""None of their own: every check runs inside the asset it belongs to."""

__all__ = ["ASSETS", "CHECKS"]
