"""One machine: the run folder, the PostgreSQL in it, and the supervisor of everything that runs from it."""
