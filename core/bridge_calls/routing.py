"""Which bridge a call is for: by site, by equipment, or by being the only one. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from core.errors import InputError, NotFoundError


@dataclass(frozen=True, slots=True)
class Place:
    """A bridge and what stands behind it."""

    bridge_id: str
    site: str
    equipment: frozenset[str]
    last_seen: datetime | None


def route(places: Sequence[Place], *, site: str | None = None, equipment: str | None = None) -> Place:
    """The one bridge that is meant.

    Args:
        places: every bridge of the tenant.
        site: name of a site.
        equipment: id of a machine; with a site, it has to stand there.

    Raises:
        InputError: more than one bridge is meant; the choice is listed.
        NotFoundError: no such site or equipment, or the tenant has no bridge.
    """
    if not places:
        raise NotFoundError("no bridge is registered", next_step="register a site: platform tenants register")
    found = [one for one in places if site is None or one.site == site]
    if not found:
        raise NotFoundError("no such site", expected=_listed(places), received=site)
    if equipment is not None:
        with_it = [one for one in found if equipment in one.equipment]
        if not with_it:
            raise NotFoundError("no such equipment" if site is None else f"no such equipment on {site}",
                                received=equipment)  # fmt: skip
        found = with_it
    if len(found) > 1:
        raise InputError("say which site", expected=f"one of {_listed(found)}", next_step="give `site`")
    return found[0]


def _listed(places: Sequence[Place]) -> str:
    return ", ".join(sorted({one.site for one in places}))
