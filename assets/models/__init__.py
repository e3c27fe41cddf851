"""Models of a machine's health: arrays in, arrays out, nothing of Dagster, so that anybody may ask them."""
