"""Letting rows of quarantine in after all, once what kept them out has been corrected."""
