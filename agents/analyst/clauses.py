"""A question in clauses, each of which one tool may answer. Pure."""

from __future__ import annotations

import re

_OPENERS = (
    "how|what|which|has|have|had|was|were|is|are|did|does|do|when|where|why|who|compare|show|list|give|tell|find|will"
)
_DONE = r"delete|remove|erase|shut|restart|reset|send|e-?mail|stop|start|write|turn|switch|acknowledge"
_TO_WHAT = r"the|it|them|a|an|me|us|my|all|off|on|down"
_CUT = re.compile(
    rf"(?<=[?!;])\s+|(?<=[a-z]{{3}}\.)\s+|,?\s+(?:and|but|then)\s+(?=(?:also\s+)?(?:{_OPENERS})\b(?!\s+(?:not|the\s+other)\b))|"
    rf",\s+(?=(?:also\s+)?(?:how|what|which|has|have|was|were|did)\b)|"
    # Questions and orders in one breath: the order is a clause of its own, and is refused.
    rf",?\s+and\s+(?:then\s+|please\s+)?(?=(?:{_DONE})\s+(?:{_TO_WHAT})\b)",
    re.IGNORECASE,
)
_WORD = re.compile(r"[a-zA-Z]+")
POINTS_BACK = re.compile(
    r"\b(it|its|they|them|their|that|this|these|those|then|there|same|again|before)\b", re.IGNORECASE
)
THEN = re.compile(r"\b(then|(?:on|in|at)\s+th(?:at|ose|ese)\s+(?:days?|times?|dates?|weeks?))\b", re.IGNORECASE)


def split(question: str) -> list[str]:
    """Clauses in order; pieces without two words are joined to the one before."""
    pieces = [piece.strip(" ,.;?!") for piece in _CUT.split(question)]
    clauses: list[str] = []
    for piece in pieces:
        if clauses and len(_WORD.findall(piece)) < 2:
            clauses[-1] = f"{clauses[-1]} {piece}"
        elif piece:
            clauses.append(piece)
    return clauses
