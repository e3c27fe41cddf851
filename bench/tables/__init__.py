"""One plant, the steps that build its tables, and a bare Polars script beside each."""
