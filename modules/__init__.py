"""One folder a module; nothing shared, no module imports another."""
