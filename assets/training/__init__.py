"""What models may learn from: drafts in the lake, reviews in the tenant's own database."""

from assets.training.pairs import pairs

ASSETS = [pairs]
CHECKS: list[object] = []
"""None of their own: every check runs inside the asset it belongs to."""

__all__ = ["ASSETS", "CHECKS"]
