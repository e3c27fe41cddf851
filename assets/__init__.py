"""The Dagster assets, one file a table family, in layer folders."""
