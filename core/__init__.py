"""Ground floor: contracts, errors, settings, run folder, databases, identity, event log and module SDK."""
