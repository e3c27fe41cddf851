"""The demo's walk: recorded plants over real protocols, through every room, to answers with evidence."""
