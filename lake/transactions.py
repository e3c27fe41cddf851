"""Whether a commit has happened already, may happen now, or was planned upon a table that is no more. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from core.errors import TerminalError


def has_happened(
    last: Mapping[str, int | None], wanted: Mapping[str, int], after: Mapping[str, int], *, where: str
) -> bool:
    """Compare a planned commit with what the table says of each of its application ids.

    Args:
        last: the version the table has of each id; None if it never had one.
        wanted: the version the commit brings each id to.
        after: the version at which the plan took each id to be, 0 for none; an id that is not named may be anywhere
            before `wanted`.
        where: name of the table, for the error.

    Returns:
        True if all of it is in the table, False if none of it is.

    Raises:
        TerminalError: some of it is, or another writer has moved an id on: the plan is stale.
    """
    done = [app for app in wanted if (last[app] or 0) >= wanted[app] and last[app] is not None]
    if wanted and len(done) == len(wanted):
        return True
    moved = [app for app in wanted if app in after and (last[app] or 0) != after[app]]
    if done or moved:
        raise TerminalError(
            "commit is partly in the table already" if done else "another writer went on since the commit was planned",
            received=", ".join(sorted({*done, *moved})),
            where=where,
            next_step="read the table's transactions again and plan anew",
        )
    return False
