"""SQL kept in `.sql` files: each statement under a name with its reason, read once.

A file is a row of blocks; a line `-- name: reason` opens one and the SQL follows until the next::

    -- find_tenant: sign-in and the command line know a tenant by its slug only
    select id, slug, name from tenants where slug = $1
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

_HEAD = re.compile(r"^-- (?P<name>[a-z][a-z0-9_]*): (?P<reason>\S.*)$", re.MULTILINE)


def parse_queries(text: str, *, where: str) -> Mapping[str, str]:
    """Statements of one file by name.

    Raises:
        ValueError: a name is used twice or a block is empty; a mistake of ours, so not an InputError.
    """
    heads = list(_HEAD.finditer(text))
    found: dict[str, str] = {}
    for head, following in zip(heads, [*heads[1:], None], strict=True):
        body = text[head.end() : following.start() if following else None].strip().rstrip(";")
        if not body or head["name"] in found:
            raise ValueError(f"{where}: {head['name']} is empty or stands there twice")
        found[head["name"]] = body
    return MappingProxyType(found)


@cache
def load_queries(package: str, file: str = "queries.sql") -> Mapping[str, str]:
    """Statements of a `.sql` file that lies beside a package's code."""
    return parse_queries(files(package).joinpath(file).read_text(encoding="utf-8"), where=f"{package}/{file}")
