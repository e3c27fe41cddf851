"""Invitations from a table: each line stands or falls alone, and the report says which."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from core.db import TenantScope
from core.errors import DeniedError, InputError
from core.identity.authority import Authority
from core.identity.invitations import Invitations
from core.identity.links import Link

MOST_LINES = 1_000
_COLUMNS = {"email", "name", "roles"}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: `number` is that of the file, the header being 1."""

    number: int
    email: str
    name: str
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LineResult:
    """What became of a line: a link, or why there is none."""

    line: int
    email: str
    link: Link | None
    problem: str | None


def read_lines(text: str) -> list[Line]:
    """Lines of a CSV text with the columns email, name and roles.

    Args:
        text: comma, semicolon or tab between columns; several roles of a line with a space, `+` or `|` between them.

    Raises:
        InputError: a column is missing or unknown, or there are too many lines.
    """
    first = text.lstrip("\ufeff").partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff")), delimiter=delimiter, skipinitialspace=True)
    columns = {(name or "").strip().casefold() for name in reader.fieldnames or ()}
    if columns != _COLUMNS:
        raise InputError(
            "the table has other columns", expected=", ".join(sorted(_COLUMNS)), received=", ".join(sorted(columns))
        )
    lines: list[Line] = []
    for row in reader:
        cells = {(name or "").strip().casefold(): str(value or "").strip() for name, value in row.items()}
        if any(cells.values()):
            roles = tuple(role for role in re.split(r"[\s+|]+", cells["roles"]) if role)
            lines.append(Line(reader.line_num, cells["email"], cells["name"], roles))
        if len(lines) > MOST_LINES:
            raise InputError("the table has too many lines", expected=f"at most {MOST_LINES}")
    return lines


async def invite_all(
    invitations: Invitations, scope: TenantScope, lines: Sequence[Line], *, by: Authority
) -> AsyncGenerator[LineResult]:
    """Invite everybody of a table; a line that cannot be is reported, with nothing done, and does not stop the others.

    Yields:
        What became of each line, once it has: links that were made are not lost when a later line breaks off.
    """
    seen: set[str] = set()
    for line in lines:
        link, problem = None, None
        if line.email.casefold() in seen:
            problem = "the address stands in a line before"
        else:
            seen.add(line.email.casefold())
            try:
                link = await invitations.invite(scope, line.email, line.name, line.roles, by=by)
            except InputError as error:
                problem = error.sentence()
            except DeniedError as error:
                problem = error.sentence()
                await invitations.record_denied(scope, line.email, problem, by=by)
        yield LineResult(line.number, line.email, link, problem)
