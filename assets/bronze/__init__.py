"""Bronze as Dagster sees it: written by the sink, observed here."""
