"""Gateway and sink: from the one socket of a bridge to Delta bronze."""
