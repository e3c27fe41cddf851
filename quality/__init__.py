"""Expectations, contract checks, and their turning into asset checks."""
