"""Machines, types, signals, fault codes and counts in a clause of a question. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from agents.analyst.catalogue import Catalogue, Machine, Part, parts
from agents.analyst.days import WORD_NUMBERS
from agents.analyst.limits import find_limits
from agents.analyst.wordlists import COUNTED_STEMS, EQUIPMENT

_NUMBER_WORDS = {"no", "nr", "number", "unit"}
_QUANTITY_OF = {
    "hot": "temperature",
    "hotter": "temperature",
    "hottest": "temperature",
    "warm": "temperature",
    "warmer": "temperature",
    "warmest": "temperature",
    "cold": "temperature",
    "colder": "temperature",
    "coldest": "temperature",
    "cool": "temperature",
    "cooler": "temperature",
    "coolest": "temperature",
    "overheat": "temperature",
    "overheating": "temperature",
    "amps": "current",
    "amperage": "current",
    "amperes": "current",
    "volts": "voltage",
    "fast": "speed",
    "faster": "speed",
    "fastest": "speed",
    "slow": "speed",
    "slower": "speed",
    "slowest": "speed",
    "rpm": "speed",
    "shaking": "vibration",
    "vibrate": "vibration",
    "vibrating": "vibration",
}
"""Words about a quantity that do not name it: comparatives, verbs, units."""
_EQUIPMENT_NOUN = re.compile("|".join(sorted(EQUIPMENT)))
"""Kinds of machine people name; one that the catalogue does not know is said to be unknown, never guessed."""


@dataclass(slots=True)
class Found:
    """What a clause names."""

    machines: list[str] = field(default_factory=lambda: list[str]())
    types: list[str] = field(default_factory=lambda: list[str]())
    signals: list[str] = field(default_factory=lambda: list[str]())
    codes: list[str] = field(default_factory=lambda: list[str]())
    sites: list[str] = field(default_factory=lambda: list[str]())
    unknown: list[str] = field(default_factory=lambda: list[str]())
    count: int | None = None
    above: float | None = None
    below: float | None = None
    signal_share: float = 0.0
    """How much of the signals' names was said."""
    code_named: bool = False
    """A fault code itself was said, not only a word of what it says."""

    @property
    def subject(self) -> bool:
        """A machine or a type is named."""
        return bool(self.machines or self.types or self.unknown)


_BEFORE_COUNT = frozenset(
    (
        "top",
        "first",
        "last",
        "worst",
        "best",
        "which",
        "the",
        "these",
        "highest",
        "lowest",
        "hottest",
        "coldest",
        "only",
    )
)
_VAGUE = frozenset(
    ("fault", "alarm", "error", "high", "low", "abov", "below", "limit", "inspection", "inspect", "machin")
)
"""Stems that fault texts share without naming a fault."""


def stem(word: str) -> str:
    """A crude English stem: enough to see that `engines`, `overloaded` and `leaking` are known words."""
    for ending in ("ations", "ation", "ings", "ing", "ied", "ies", "ed", "s"):
        if word.endswith(ending) and not word.endswith("ss") and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            break
    return word.removesuffix("e") if len(word) > 3 else word


def find_entities(text: str, catalogue: Catalogue) -> Found:
    """Everything a clause names; `text` has its periods taken out already."""
    limits = find_limits(text)
    text = limits.text
    tokens = [token for token in parts(re.sub(r"['’]s?\b", " ", text)) if token not in _NUMBER_WORDS]
    found = Found(above=limits.above, below=limits.below)
    used: set[int] = set()
    _machines(tokens, catalogue, found, used)
    _types(tokens, catalogue, found, used)
    kinds = found.types or [m.type for m in catalogue.machines if m.id in found.machines] or catalogue.types()
    found.sites = [site for site in catalogue.sites if _mentions(tokens, parts(site))]
    found.signals, found.signal_share = _signals(tokens, used, catalogue, kinds)
    found.codes, found.code_named = _codes(tokens, catalogue, kinds, found.signals)
    _unknown(tokens, text, catalogue, found)
    found.count = _count(tokens, used, catalogue)
    return found


def _machines(tokens: Sequence[Part], catalogue: Catalogue, found: Found, used: set[int]) -> None:
    for machine in catalogue.machines:
        for start in _mentions(tokens, parts(machine.id)):
            _take(found.machines, machine.id)
            used.update(range(start, start + len(parts(machine.id))))
    numbered = _numbered(catalogue)
    for place, token in enumerate(tokens):
        if not isinstance(token, str):
            continue
        known = numbered.get(stem(token))
        if known is None:
            continue
        for at in [place + 1] if len(token) == 1 else list(_numbers_after(tokens, place)):
            if at >= len(tokens) or not isinstance(tokens[at], int):
                break
            number = tokens[at]
            if number in known:
                _take(found.machines, known[number].id)
                used.update({place, at})
            elif at not in used and len(token) > 1:
                found.unknown.append(f"{token} {number}")
                used.update({place, at})


def _numbered(catalogue: Catalogue) -> dict[str, dict[Part, Machine]]:
    """Machines by the words that may stand before their number: the id's own, the type's last, an initial (`P2`)."""
    numbered: dict[str, dict[Part, Machine]] = {}
    twice: set[tuple[str, Part]] = set()
    for machine in catalogue.machines:
        *_, noun, number = ("", *parts(machine.id))
        if isinstance(noun, str) and noun and isinstance(number, int):
            for word in {stem(noun), stem(str(parts(machine.type)[-1]))}:
                if numbered.setdefault(word, {}).setdefault(number, machine) is not machine:
                    twice.add((word, number))
    for word, number in twice:  # `pump 2` of two kinds of pump would be a guess
        del numbered[word][number]
    initials = [word[0] for word in numbered]
    letters = {word[0]: known for word, known in numbered.items() if initials.count(word[0]) == 1}
    return letters | numbered


def _numbers_after(tokens: Sequence[Part], place: int) -> Iterable[int]:
    """Places of the numbers in `engines 3, 7 and 12`; `and` only continues a list that has begun."""
    at = place + 1
    while at < len(tokens):
        if isinstance(tokens[at], int):
            yield at
        elif not (tokens[at] in ("and", "or") and at > place + 1 and at + 1 < len(tokens)):
            return
        at += 1


def _mentions(tokens: Sequence[Part], wanted: Sequence[Part]) -> list[int]:
    if len(wanted) == 1 and isinstance(wanted[0], str) and len(wanted[0]) < 2:
        return []
    return [at for at in range(len(tokens) - len(wanted) + 1) if tuple(tokens[at : at + len(wanted)]) == tuple(wanted)]


def _types(tokens: Sequence[Part], catalogue: Catalogue, found: Found, used: set[int]) -> None:
    for kind in catalogue.types():
        words = {stem(str(parts(kind)[-1]))} | {
            stem(str(parts(machine.id)[0])) for machine in catalogue.of_type(kind) if len(parts(machine.id)) > 1
        }
        for at, token in enumerate(tokens):
            if at in used or not isinstance(token, str) or stem(token) not in words:
                continue
            own = catalogue.of_type(kind)
            used.add(at)
            if len(own) == 1 and not token.endswith("s"):
                _take(found.machines, own[0].id)
            else:
                _take(found.types, kind)
    if found.machines:
        found.types = []


def _signals(
    tokens: Sequence[Part], used: set[int], catalogue: Catalogue, kinds: Sequence[str]
) -> tuple[list[str], float]:
    """The best matching signals, and the share of their words that was heard."""
    heard = {stem(token): at for at, token in enumerate(tokens) if isinstance(token, str)}
    heard |= {stem(_QUANTITY_OF[t]): at for at, t in enumerate(tokens) if isinstance(t, str) and t in _QUANTITY_OF}
    scored: list[tuple[float, int, str]] = []
    shares: dict[str, float] = {}
    for kind, signal in catalogue.signals:
        if kind not in kinds:
            continue
        base, _, window = signal.partition(":")
        words = [stem(str(part)) for part in parts(base)]
        own = {heard[word] for word in words if word in heard and heard[word] not in used}
        # A word that names the machine is part of the signal's name only beside another of its words.
        hits = [
            word for word in words if word in heard and (heard[word] in own or {heard[word] - 1, heard[word] + 1} & own)
        ]
        if not own:
            continue
        plainness = 0 if not window else 1 if window.startswith("mean") else 2
        shares[signal] = len(hits) / len(words)
        scored.append((len(hits) / len(words) + len(hits) / 10, -plainness, signal))
    if not scored:
        return [], 0.0
    best = max(score for score, _, _ in scored)
    near = [(plain, signal) for score, plain, signal in scored if score == best]
    plainest = max(plain for plain, _ in near)
    signals = sorted({signal for plain, signal in near if plain == plainest})[:3]
    return signals, shares[signals[0]]


def _codes(
    tokens: Sequence[Part], catalogue: Catalogue, kinds: Sequence[str], signals: Sequence[str]
) -> tuple[list[str], bool]:
    """Fault codes one of whose words is heard, the code's own before those of its message, and whether it was the
    code's own; words of a type, of a heard signal, and in messages of any signal, do not count."""
    plain = {stem(str(part)) for name in [*kinds, *signals] for part in parts(name)} | _VAGUE
    measured = {stem(str(part)) for _, name in catalogue.signals for part in parts(name)}
    heard = {stem(token) for token in tokens if isinstance(token, str)} - plain
    hits: dict[str, int] = {}
    for fault in catalogue.codes:
        if fault.type in kinds:
            words = {stem(str(part)) for part in parts(fault.code) if isinstance(part, str)}
            told = {stem(str(part)) for part in parts(fault.message) if isinstance(part, str)} - measured
            joined = fault.code.lower() in {str(token) for token in tokens} or bool(words and words <= heard)
            own = len({word for word in words & heard if len(word) > 3})
            hits[fault.code] = 9 * joined + 3 * own + len({word for word in told & heard if len(word) > 3})
    best = max(hits.values(), default=0)
    return sorted(code for code, score in hits.items() if score == best) if best else [], best >= 3


def _unknown(tokens: Sequence[Part], text: str, catalogue: Catalogue, found: Found) -> None:
    known = {
        stem(str(part))
        for name in [
            *(machine.id for machine in catalogue.machines),
            *catalogue.types(),
            *(signal for _, signal in catalogue.signals),
            *(fault.code for fault in catalogue.codes),
        ]
        for part in parts(name)
    }
    said = {stem(str(part)) for fault in catalogue.codes for part in parts(fault.message)}
    named = {parts(machine.id) for machine in catalogue.machines}
    written = [match[0] for match in re.finditer(r"\b[a-zA-Z]{1,12}[-_]\d{1,5}[a-zA-Z]?\b", text)]
    # As it was written, `engine-081`, before what was made of it, `engine 81`; both are the same thing.
    found.unknown = [next((w for w in written if parts(w) == parts(name)), name) for name in found.unknown]
    for name in written:
        if parts(name) not in named:
            _take(found.unknown, name)
    spoken = {part for name in found.unknown for part in parts(name)}
    for token in tokens:
        if found.machines or found.types or not isinstance(token, str) or stem(token) in known | said:
            continue
        kind = _EQUIPMENT_NOUN.fullmatch(token.removesuffix("s")) or _EQUIPMENT_NOUN.fullmatch(token)
        if kind and token not in spoken:
            _take(found.unknown, token)


def _count(tokens: Sequence[Part], used: set[int], catalogue: Catalogue) -> int | None:
    """How many are asked for: a number before what is counted, or after `top`, `first`, `the`."""
    nouns = COUNTED_STEMS | {stem(word) for pair in _kind_words(catalogue) for word in [str(parts(pair[0])[pair[1]])]}
    for at, token in enumerate(tokens):
        number = token if isinstance(token, int) else WORD_NUMBERS.get(token)
        if at in used or not number:
            continue
        following = tokens[at + 1] if at + 1 < len(tokens) else ""
        before = tokens[at - 1] if at else ""
        of_one = number == 1 and following == "of"
        counts = isinstance(following, str) and (stem(following) in nouns or following == "of")
        if not of_one and (counts or before in _BEFORE_COUNT):
            return number
    return None


def mask_sites(text: str, sites: Sequence[str]) -> str:
    """A clause with the sites it names in plain words."""
    for site in sorted(sites, key=len, reverse=True):
        text = re.sub(
            rf"\b(?:the\s+)?(?:site\s+)?{re.escape(site)}(?:\s+site)?\b", "the site", text, flags=re.IGNORECASE
        )
    return text


def mask_machines(text: str, catalogue: Catalogue) -> str:
    """A clause with machines and their kinds in plain words, so that meaning and not names decides about it."""
    for machine in sorted(catalogue.machines, key=lambda machine: -len(machine.id)):
        text = re.sub(rf"\b{re.escape(machine.id)}\b", "the machine", text, flags=re.IGNORECASE)
    for letter in {word for word in _numbered(catalogue) if len(word) == 1}:
        text = re.sub(rf"\b{letter}[-\s]?\d+\b", "the machine", text, flags=re.IGNORECASE)
    for word in sorted({str(parts(name)[place]) for name, place in _kind_words(catalogue)}, key=len, reverse=True):
        text = re.sub(rf"\b(?:the\s+)?{word}\s*(?:#|no\.?|number)?\s*\d+\b", "the machine", text, flags=re.IGNORECASE)
        text = re.sub(rf"\b{word}s\b", "machines", text, flags=re.IGNORECASE)
        text = re.sub(rf"\b{word}\b", "machine", text, flags=re.IGNORECASE)
    return re.sub(r"\bmachine(?:\s+(?:the\s+)?machine)+(s?)\b", r"machine\1", text)


def _kind_words(catalogue: Catalogue) -> list[tuple[str, int]]:
    ids = [(machine.id, 0) for machine in catalogue.machines if isinstance(parts(machine.id)[0], str)]
    return [*((kind, -1) for kind in catalogue.types()), *(pair for pair in ids if len(parts(pair[0])) > 1)]


def _take(names: list[str], name: str) -> None:
    if name not in names:
        names.append(name)
