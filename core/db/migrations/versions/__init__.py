"""One file a step, with its SQL beside it."""
