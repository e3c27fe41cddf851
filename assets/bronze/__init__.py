"""Bronze as Dagster sees it: written by the sink, observed and checked here."""

from assets.bronze.tables import ASSETS, CHECKS, WATCHED

__all__ = ["ASSETS", "CHECKS", "WATCHED"]
