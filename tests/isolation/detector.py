"""What counts as a leak: pure functions over what somebody of A was answered. No door, no database.

Three signs. A *trace*: something that only B has stands in the answer, and the attacker had not put it there. A
*difference*: what exists for B is answered otherwise than what never existed. A *crash*: an error that is not one of
ours, so nobody has thought about what it tells.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote

_SHORTEST = 4
"""Shorter inputs are not masked: they would eat the answer."""
_CUT = 16
"""Messages cut long inputs; what is left of one is at least this long."""
_WORD = re.compile(r"[\w@.+-]+")
_CUT_OFF = re.compile(r"(?<![\w-])[\w-]*…")
"""A name that a message cuts off in its middle."""
_PART = re.compile(r"[^\W_]+")
_ASKED = "‹asked›"
_NEW = "‹new›"


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything somebody sees of one call.

    Attributes:
        kind: a value came back, our own error, or a foreign one.
        text: the whole of it as plain lines, nothing escaped.
        noise: values that are new at every call: correlation ids, secrets and times of cookies, nothing else.
    """

    kind: Literal["value", "refused", "crashed"]
    text: str
    noise: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Leak:
    """A finding, complete enough to be tried again by hand."""

    door: str
    technique: str
    asked: str
    why: str
    seen: str

    def __str__(self) -> str:
        return f"{self.door} | {self.technique} | {self.why}\n  asked {self.asked[:300]!r}\n  seen  {self.seen[:600]}"


class Detector:
    """Knows what only B has, and how to name what never existed.

    Args:
        marks: texts that only B's things carry.
        strangers: for each name of B a name nobody ever had, of the same length and kind.
    """

    def __init__(self, marks: Iterable[str], strangers: Mapping[str, str]) -> None:
        self._marks = tuple(sorted({mark.lower() for mark in marks}))
        self._strangers = dict(sorted(strangers.items(), key=lambda pair: -len(pair[0])))

    def never(self, asked: str) -> str:
        """The same input, naming what never existed; unchanged if it names nothing of B."""
        for name, stranger in self._strangers.items():
            asked = asked.replace(name, stranger)
        return asked

    def traces(self, answer: Answer, asked: str) -> list[str]:
        """Marks of B in an answer, beside those the attacker wrote."""
        text = masked(answer.text, [asked, *self._words(asked)]).lower()
        return [mark for mark in self._marks if mark in text]

    def differs(self, answer: Answer, stranger: Answer) -> str | None:
        """Where the answer about B's thing and that about a stranger's part; None if only the names are others."""
        told = f"{answer.kind}\n{self._plain(self.never(answer.text), answer.noise)}"
        expected = f"{stranger.kind}\n{self._plain(stranger.text, stranger.noise)}"
        if told == expected:
            return None
        lines = zip(told.splitlines(), expected.splitlines(), strict=False)
        place = next(((a, b) for a, b in lines if a != b), (told, expected))
        return f"{place[0]!r} and not, as for a stranger, {place[1]!r}"

    def _plain(self, text: str, noise: tuple[str, ...]) -> str:
        for value in noise:
            text = text.replace(value, _NEW)
        return _CUT_OFF.sub("…", text)

    def _words(self, asked: str) -> list[str]:
        """What the attacker wrote of B's names."""
        words = [*_WORD.findall(asked), *_PART.findall(asked)]
        return [word for word in words if any(mark in word.lower() for mark in self._marks)]


def masked(text: str, words: Iterable[str]) -> str:
    """The text without what the attacker wrote, in every spelling in which a message repeats it, whole or cut off."""
    forms = {form for word in words for form in _forms(word) if len(form) >= _SHORTEST}
    ordered = sorted(forms, key=len, reverse=True)
    for form in ordered:
        text = text.replace(form, _ASKED)
    for form in ordered:
        if len(form) > _CUT and form[:_CUT] in text:
            text = text.replace(_longest_start(form, text), _ASKED)
    return text


def _longest_start(form: str, text: str) -> str:
    """The longest beginning of a form that stands in the text, at least `_CUT` long."""
    low, high = _CUT, len(form)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if form[:middle] in text else (low, middle - 1)
    return form[:low]


def _forms(word: str) -> set[str]:
    spelt = {word, word.lower(), word.strip(), repr(word)[1:-1], json.dumps(word)[1:-1], word.replace("'", "''")}
    spelt |= {word.replace("_", " "), word.replace("-", " ")}
    return spelt | {quote(word.encode("utf-8", "replace"), safe="")}
