"""Units: pint is asked only about those that are not known to be its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

from core.contracts import units
from core.contracts.units import KNOWN, convert_factor, read_unit
from core.errors import InputError


@pytest.mark.parametrize("unit", sorted(KNOWN))
def test_a_known_unit_is_one_of_pints(unit: str) -> None:
    assert units._registry().parse_units(unit)
    assert read_unit(unit, signal="flow", where="test") == (unit, None)


def test_a_unit_that_pint_does_not_know_is_none() -> None:
    with pytest.raises(InputError, match="unknown unit"):
        read_unit("zorg", signal="flow", where="test")


@pytest.mark.parametrize("unit", ["bar", "degC", "l/min"])
def test_the_same_unit_is_itself_as_pint_says(unit: str) -> None:
    there = units._registry().Quantity(3.0, unit).to(unit).magnitude
    scale, offset = convert_factor(unit, unit)
    assert 3.0 * scale + offset == pytest.approx(there)


READS = """
import sys
from pathlib import Path
from core.contracts.odcs import load_contract
from core.contracts.site import load_site
for name in ("compressor", "turbofan"):
    site, _ = load_site(Path("examples/sites") / f"{name}.yaml")
    load_contract(Path("examples/sites") / f"{name}.contract.yaml", site)
assert "pint" not in sys.modules
"""


def test_the_packaged_sites_are_read_without_it() -> None:
    subprocess.run([sys.executable, "-c", READS], check=True)
