"""Which tool a clause asks for: nearness in meaning to what tools say of themselves, and fit to what is named."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from agents.analyst.spelling import words_of
from agents.analyst.times import without_periods
from agents.conversation import ToolDefinition

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from core.embedding import Embedder

    Matrix = npt.NDArray[np.float32]

REFUSE_BELOW = 0.40
"""Cosine under which nothing the tools offer is what was asked; measured on paraphrases and foreign questions."""
STRANGE_BELOW = 0.50
"""Cosine under which a word has nothing to do with any word of the tools; measured on single words."""
SURE_FROM = 0.75
"""A clause with a strange word must be this near to a tool, for half of what it says is unknown."""
_SENTENCE = re.compile(r"(?<=[.;])\s+")


@dataclass(frozen=True, slots=True)
class Choice:
    """One tool and how well it suits."""

    tool: ToolDefinition
    score: float


_KEPT: WeakKeyDictionary[Embedder, dict[str, Matrix]] = WeakKeyDictionary()
"""Vectors of what tools say, and of its words, by model: they take seconds to make, and all choosers need the same."""


class Chooser:
    """Ranks tools for a clause; the vectors of what tools say are kept.

    Args:
        embedder: text to unit vectors.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._kept = _KEPT.setdefault(embedder, {})

    def rank(
        self, variants: Sequence[str], tools: Sequence[ToolDefinition], fits: Callable[[ToolDefinition], float]
    ) -> list[Choice]:
        """Tools, best first.

        Args:
            variants: what is asked, with names and periods in plain words; the best of several wordings counts.
            tools: all that may be called.
            fits: what a tool gains or loses by the things the clause names.
        """
        asked = self._embedder.embed(list(variants)).T
        self._read(tools)
        choices = [Choice(tool, float((self._kept[_key(tool)] @ asked).max()) + fits(tool)) for tool in tools]
        return sorted(choices, key=lambda choice: -choice.score)

    def strangers(self, words: Sequence[str], tools: Sequence[ToolDefinition]) -> list[str]:
        """Words that no word of the reading tools is near to in meaning: `colour`, `price`."""
        import numpy as np

        if not words:
            return []
        known = sorted(
            words_of(text for tool in tools if tool.reads_only for text in (tool.description, *tool.examples))
        )
        unread = [word for word in known if word not in self._kept]
        if unread:
            self._kept.update(zip(unread, self._embedder.embed(unread), strict=True))
        nearest = (self._embedder.embed(list(words)) @ np.stack([self._kept[word] for word in known]).T).max(axis=1)
        return [word for word, near in zip(words, nearest, strict=True) if near < STRANGE_BELOW]

    def _read(self, tools: Sequence[ToolDefinition]) -> None:
        """Keep the vectors of what tools say, of all new ones at once: texts of like length share their work."""
        unread = {_key(tool): _texts(tool) for tool in tools if _key(tool) not in self._kept}
        if not unread:
            return
        vectors = self._embedder.embed([text for texts in unread.values() for text in texts])
        start = 0
        for key, texts in unread.items():
            self._kept[key] = vectors[start : start + len(texts)]
            start += len(texts)


def _key(tool: ToolDefinition) -> str:
    return f"{tool.name}\n{tool.description}\n{tool.examples}"


def _texts(tool: ToolDefinition) -> list[str]:
    sentences = [part for part in _SENTENCE.split(tool.description) if part]
    return [*(without_periods(example) for example in tool.examples), *sentences, tool.name.replace("_", " ")]


def parameters_of(tool: ToolDefinition) -> dict[str, dict[str, Any]]:
    """Properties of a tool's schema by name."""
    return dict(tool.schema.get("properties", {}))


def entity_of(name: str, schema: dict[str, Any]) -> str | None:
    """What a parameter stands for: its hint, else what its name says."""
    hint = schema.get("x-entity")
    if hint:
        return str(hint)
    plain = {
        "equipment": "equipment",
        "equipment_id": "equipment",
        "machine": "equipment",
        "asset": "equipment",
        "signal": "signal",
        "sensor": "signal",
        "first": "first_day",
        "start": "first_day",
        "last": "last_day",
        "end": "last_day",
        "top": "count",
        "limit": "count",
    }
    return plain.get(name)
