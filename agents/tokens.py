"""The platform's own count of tokens, kept beside what providers report."""

from __future__ import annotations


def estimate(text: str) -> int:
    """Tokens of a text, roughly: four characters each, and never fewer than its words."""
    return max(len(text) // 4, len(text.split()))
