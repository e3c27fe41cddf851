"""Slips of the hand: a word nobody knows becomes the one known word it nearly is. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORD = re.compile(r"[A-Za-z]+")
_LEAST = 4


def words_of(texts: Iterable[str]) -> frozenset[str]:
    """Every word of some texts, in small letters."""
    return frozenset(word.lower() for text in texts for word in _WORD.findall(text.replace("_", " ")))


def correct(text: str, known: frozenset[str]) -> str:
    """A text with its slips mended; what is known, short, or near to nothing stays as it is.

    Args:
        text: as it was typed.
        known: words that are right.
    """

    def mend(match: re.Match[str]) -> str:
        word = match[0].lower()
        attached = text[max(0, match.start() - 1) : match.start()] in ("-", "_")
        if len(word) < _LEAST or word in known or attached or _numbers(word) & known:
            return match[0]
        return _nearest(word, known) or match[0]

    return _WORD.sub(mend, text)


def _numbers(word: str) -> set[str]:
    """The other grammatical number of a word: one or many is no slip."""
    return {f"{word}s", f"{word}es", word.removesuffix("s"), word.removesuffix("es")}


def _nearest(word: str, known: frozenset[str]) -> str | None:
    """The only known word within reach; two are a guess, and guesses are not made."""
    reached = {target: _reach(word, target) for target in known if target[0] == word[0]}
    near = sorted((steps, target) for target, steps in reached.items() if steps is not None)
    if not near or (len(near) > 1 and near[0][0] == near[1][0]):
        return None
    return near[0][1]


def _reach(word: str, target: str) -> int | None:
    """Slips from a word to a known one, None if they are too many for its length: a forgotten letter is forgiven in
    any word, a wrong or swapped one from five letters, two slips from seven (forgotten ones from six)."""
    if abs(len(word) - len(target)) > 2:
        return None
    steps = _distance(word, target)
    forgotten = len(target) - len(word) == steps and _is_within(word, target)
    if steps == 1 and (forgotten or len(word) >= 5):
        return 1
    return 2 if steps == 2 and (len(word) >= 7 or (forgotten and len(word) >= 6)) else None


def _is_within(word: str, target: str) -> bool:
    letters = iter(target)
    return all(letter in letters for letter in word)


def _distance(a: str, b: str) -> int:
    """Insertions, deletions, changes and swaps of neighbours (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, start=1):
        older, before, row = before, row, [i]
        for j, right in enumerate(b, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (left != right))
            if i > 1 and j > 1 and left == b[j - 2] and a[i - 2] == right:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
    return row[-1]
