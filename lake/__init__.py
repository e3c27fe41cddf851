"""Delta layout, table declarations, store, reader and maintenance."""
