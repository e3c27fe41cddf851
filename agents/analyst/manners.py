"""What is not a question about the plant: greetings, orders, other people's data, other languages. Pure."""

from __future__ import annotations

import re

from agents.analyst.wordlists import ENGLISH, FOREIGN

_POLITE = (
    r"(?:(?:please|now|just|and|then|also|go\s+ahead\s+and)\s+|(?:can|could|will|would)\s+you\s+(?:please\s+)?"
    r"|you\s+(?:should|must|have\s+to|need\s+to)\s+|i\s+(?:want|need|order)\s+you\s+to\s+|i(?:'|’)?d\s+like\s+you\s+to\s+)*"
)
ORDER = re.compile(
    rf"{_POLITE}(?:delete|remove|drop|erase|change|set(?!-)|write|stop|start|shut|restart|reset|turn|switch|send|e-?mail"
    r"|order|buy|create|update|acknowledge|book|call|invoice|pay|execute|install|schedule|notify|insert|truncate)\b",
    re.IGNORECASE,
)
_SMALL_TALK = re.compile(
    r"(?:hi|hello|hey|howdy|good\s+(?:morning|afternoon|evening|night)|thanks?|thank\s+you|cheers|bye|goodbye|ok|okay"
    r"|who\s+are\s+you|what\s+are\s+you|are\s+you\s+\w+|what\s+(?:can|do)\s+you\s+(?:do|know)|what\s+can\s+i\s+ask(?:\s+you)?"
    r"|how\s+are\s+you|help(?:\s+me)?)(?:\s+(?:there|you|a\s+lot|very\s+much|so\s+much|please))?\W*",
    re.IGNORECASE,
)
_OTHERS = re.compile(
    r"\b(?:tenants?|(?:all|every|other|another|different)\s+(?:customers?|compan(?:y|ies)|organi[sz]ations?|clients?|accounts?))\b",
    re.IGNORECASE,
)
_FUTURE = re.compile(
    r"\b(?:tomorrow|(?:in\s+)?(?:the\s+)?(?:next|coming)\s+(?:(?:\d+|few|two|three|four|five|six)\s+)?"
    r"(?:hours?|days?|weeks?|months?|quarters?|years?|seasons?|spring|summer|autumn|winter|shift"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day)|in\s+(?:the\s+)?(?:near\s+)?future|soon)\b",
    re.IGNORECASE,
)
_LETTERS = re.compile(r"[^\W\d_]+")


def small_talk(clause: str) -> bool:
    """A greeting, thanks, or a question about the analyst itself."""
    return _SMALL_TALK.fullmatch(clause.strip()) is not None


def order(clause: str) -> bool:
    """Somebody wants something done."""
    return ORDER.match(clause.strip()) is not None


def about_others(clause: str) -> bool:
    """Somebody asks for what belongs to others."""
    return _OTHERS.search(clause) is not None


def foreign(text: str) -> bool:
    """Not English: at least two function words of another language, and more of them than English ones."""
    words = [word.lower() for word in _LETTERS.findall(text)]
    other = sum(word in FOREIGN for word in words)
    return other >= 2 and other > sum(word in ENGLISH for word in words)


def future(clause: str) -> str | None:
    """The words that speak of a time to come."""
    match = _FUTURE.search(clause)
    return match[0] if match else None


def without_future(clause: str) -> str:
    """A clause without the words that speak of a time to come."""
    return " ".join(_FUTURE.sub(" ", clause).split())
