"""Which bridge is meant, and how the platform asks when it cannot tell."""

from __future__ import annotations

import pytest

from core.bridge_calls import Place, route
from core.errors import InputError, NotFoundError

NORTH = Place("north-bridge", "north", frozenset({"pump-1", "fan-1"}), None)
SOUTH = Place("south-bridge", "south", frozenset({"pump-2", "fan-1"}), None)


def test_by_site_by_equipment_or_by_being_the_only_one() -> None:
    assert route([NORTH, SOUTH], site="south") is SOUTH
    assert route([NORTH, SOUTH], equipment="pump-2") is SOUTH
    assert route([NORTH, SOUTH], site="north", equipment="fan-1") is NORTH
    assert route([NORTH]) is NORTH


def test_several_and_none_named_lists_the_choice() -> None:
    with pytest.raises(InputError, match=r"say which site; expected one of north, south; next: give `site`"):
        route([SOUTH, NORTH])
    with pytest.raises(InputError, match="north, south"):
        route([NORTH, SOUTH], equipment="fan-1")


def test_what_does_not_exist_is_named() -> None:
    with pytest.raises(NotFoundError, match=r"no such equipment; received 'pump-9'"):
        route([NORTH, SOUTH], equipment="pump-9")
    with pytest.raises(NotFoundError, match=r"no such equipment on north; received 'pump-2'"):
        route([NORTH, SOUTH], site="north", equipment="pump-2")
    with pytest.raises(NotFoundError, match=r"no such site; expected north, south; received 'west'"):
        route([NORTH, SOUTH], site="west")
    with pytest.raises(NotFoundError, match="no bridge is registered"):
        route([])
