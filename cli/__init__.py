"""The `platform` command: parses, calls, prints."""
