"""SQL lives in `.sql` files: every query under a line `-- name: <name>`, with its reason in the comments below."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from core.errors import InputError

_NAME = re.compile(r"^-- name: (?P<name>[a-z_]+)$", re.MULTILINE)


def load_queries(path: Path) -> Mapping[str, str]:
    """Queries of one file by name.

    Raises:
        InputError: a name occurs twice, or there is none.
    """
    parts = _NAME.split(path.read_text(encoding="utf-8"))
    names, bodies = parts[1::2], parts[2::2]
    if not names or len(set(names)) != len(names):
        raise InputError("queries need unique names", expected="-- name: <name>", where=str(path))
    return MappingProxyType({name: body.strip().rstrip(";") for name, body in zip(names, bodies, strict=True)})
