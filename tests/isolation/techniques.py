"""How an attacker writes an input: injections, look-alikes, ways up a folder, other spellings, other lengths. Pure.

Every function yields `(technique, text)`. Names of the other tenant stand in braces and are filled in by `Names`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

Tried = tuple[str, str]
_INJECTIONS = """
' or true --
' or '1'='1
" or true --
') or (true
"; drop table notes; --
'; drop table notes; --
notes; drop table notes
notes" union select * from pg_database --
notes' union all select null, datname from pg_database --
owner) or (1=1
owner' /*
owner"--
id); select pg_sleep(0); --
$1
$$ or true $$
E'\\' or true --
\\'; select 1; --
%' or '%'='
_%_
*
1; select 1
(select owner from {database}.desk.notes limit 1)
"{database}"."desk"."notes"
{database}.desk.notes
{role}.notes
pg_catalog.pg_database
pg_catalog.pg_roles
information_schema.tables
desk.notes
desk"."notes
public.notes
kpi.kpi_daily
memory.fault_memory
${{jndi:ldap://{slug}}}
{{{{config}}}}
<script>alert('{slug}')</script>
{slug}' and '1'='1
tenant_id = '{id}'
app.current_tenant_id
null
None
true
NaN
-1
0
99999999999999999999
""".strip().splitlines()
_PATHS = (
    "../{slug}",
    "../../{slug}/gold/kpi_daily",
    "..\\{slug}",
    "/{slug}/",
    "%2e%2e%2f{slug}",
    "..%2f{slug}",
    "....//{slug}",
    "./{slug}",
    "{slug}/../{slug}",
    "file:///{slug}",
    "~{slug}",
    "{slug}\0",
    "{slug}%00",
    "{slug}.key",
    "bridges/{slug}.{site}.key",
)
_LOOKALIKES = str.maketrans({"a": "а", "e": "е", "o": "о", "i": "і", "s": "ѕ", "p": "р", "c": "с"})


@dataclass(frozen=True, slots=True)
class Names:
    """What an attacker may know of the other tenant.

    Attributes:
        slug: its slug.
        id: its id.
        database: its database.
        role: its database role.
        site: a site only it has.
    """

    slug: str
    id: str
    database: str
    role: str
    site: str

    def fill(self, text: str) -> str:
        """The text with the names in their places."""
        return text.format(slug=self.slug, id=self.id, database=self.database, role=self.role, site=self.site)


def injections(names: Names) -> Iterator[Tried]:
    """Texts that mean something to SQL, shells, templates or loggers if somebody joins strings."""
    for text in _INJECTIONS:
        yield "injection", names.fill(text)


def paths(names: Names) -> Iterator[Tried]:
    """Ways out of one's own folder."""
    for text in _PATHS:
        yield "path traversal", names.fill(text)


def spellings(name: str) -> Iterator[Tried]:
    """The same name as another would write it."""
    for text in (name.upper(), name.title(), name.swapcase()):
        yield "other case", text
    for text in (f" {name}", f"{name} ", f"{name}\t", f"\n{name}", f"{name}\u00a0", f"\ufeff{name}", f"{name}\u200b"):
        yield "blanks around", text
    yield "homoglyphs", name.translate(_LOOKALIKES)
    yield "homoglyphs", "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in name)
    yield "homoglyphs", unicodedata.normalize("NFD", name.replace("e", "é"))
    yield "homoglyphs", f"\u202e{name[::-1]}"
    yield "null byte", f"{name}\0"
    yield "null byte", f"{name}\0.notes"
    yield "null byte", f"\0{name}"


def lengths(name: str) -> Iterator[Tried]:
    """Nothing, the longest name, one more, far too much."""
    for length in (0, 1, 63, 64, 255, 5000):
        yield "odd length", (name * (length // max(len(name), 1) + 1))[:length]
    yield "odd characters", "\ud800"
    yield "odd characters", "𝕏🏭ß\u0301"
    yield "odd characters", "\x1b[2J\x07"


def hostile(names: Names, name: str) -> list[Tried]:
    """Everything that can be written where a name or a value is expected; each text once."""
    told = [("name of the other tenant", known) for known in (names.slug, names.id, names.database, names.site)]
    tried = [*told, *injections(names), *paths(names), *spellings(name), *spellings(names.slug), *lengths(name)]
    return [(technique, text) for text, technique in {text: technique for technique, text in tried}.items()]


def some(tried: list[Tried], count: int) -> list[Tried]:
    """The first, and evenly spread others, for doors where one look takes long."""
    return tried[:: max(1, len(tried) // count)][:count]


def odd_values() -> list[tuple[str, object]]:
    """Values of other types than asked for, as JSON may carry them."""
    return [
        ("nested value", {"eq": {"eq": "x"}}),
        ("nested value", {"or": [{"owner": "x"}, True]}),
        ("nested value", {"$ne": None}),
        ("nested value", {"": ""}),
        ("nested value", {}),
        ("nested value", [[[]]]),
        ("nested value", ["x", {"in": ["x"]}]),
        ("nested value", {"in": {"in": []}}),
        ("nested value", {"in": "x"}),
        ("nested value", {"not_in": []}),
        ("odd number", 2**63),
        ("odd number", -(2**63) - 1),
        ("odd number", float("nan")),
        ("odd number", float("inf")),
        ("odd number", True),
        ("odd number", 0.5),
        ("nothing", None),
        ("operator", {"gte": ""}),
        ("operator", {"ne": "of alpha"}),
        ("operator", {"lt": "\U0010ffff"}),
        ("operator", {"contains": ""}),
        ("operator", {"starts_with": ""}),
        ("operator", {"is_null": False}),
        ("operator", {"is_null": "false"}),
        ("operator", {"not_in": ["of alpha"]}),
        ("operator", {"gte": "", "lte": "\U0010ffff", "ne": "x"}),
    ]
