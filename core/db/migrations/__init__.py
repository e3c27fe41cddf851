"""Schema of the platform database, step by step."""
