"""Bronze as Dagster sees it: written by the sink, observed and checked here."""

from assets.bronze.tables import ASSETS, BY_DAY, CHECKS, WATCHED

__all__ = ["ASSETS", "BY_DAY", "CHECKS", "WATCHED"]
