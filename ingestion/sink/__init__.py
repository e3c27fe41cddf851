"""From the event log into Delta bronze, each row exactly once."""
