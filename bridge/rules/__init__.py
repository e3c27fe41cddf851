"""Edge rules: conditions held against the journal, link or no link; what they find are readings like any other."""
