"""What crosses a wall: readings, events, batches, site files, data contracts, lanes, units, evidence.

Edge-safe: imports no database driver and no web framework.
"""
