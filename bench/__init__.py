"""Benchmarks: every speed claim of the product, one file a claim, measured against a bare baseline or a peer."""
