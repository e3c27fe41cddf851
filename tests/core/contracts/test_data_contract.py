from pathlib import Path

import pytest
import yaml

from core.contracts.data_contract import (
    Deadband,
    Rule,
    Window,
    check_against_site,
    parse_contract,
    parse_duration,
    permissive_contract,
)  # fmt: skip
from core.contracts.site import SiteFile
from core.errors import InputError

SITE = SiteFile.model_validate(
    {
        "tenant": "newcomer-co", "site": "test-loop", "protocol": "opcua",
        "equipment": [
            {"id": "pump-1", "type": "pump", "signals": [{"name": "flow", "unit": "l/min"}, {"name": "amps"}]},
        ],
    }
)  # fmt: skip


def document(**custom: object) -> dict[str, object]:
    properties = [{"property": key, "value": value} for key, value in custom.items()]
    return {
        "apiVersion": "v3.1.0", "kind": "DataContract", "id": "c", "version": "1.0.0", "status": "active",
        "schema": [{"name": "pump", "properties": [{"name": "flow", "customProperties": properties}]}],
    }  # fmt: skip


def parse(raw: object):
    return parse_contract(yaml.safe_dump(raw), where="c.yaml")


def test_the_permissive_contract_forwards_everything():
    contract = parse_contract(permissive_contract(SITE), where="c.yaml")
    check_against_site(contract, SITE, where="c.yaml")
    assert contract.outgoing("pump") == {"flow", "amps"}
    assert contract.outgoing("fan") == set()


def test_windows_leave_under_names_of_their_own():
    contract = parse(document(unit="l/min", forward=False, windows=[{"every": "PT6H", "aggregates": ["mean", "max"]}]))
    assert contract.outgoing("pump") == {"flow:mean:PT6H", "flow:max:PT6H"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"apiVersion": "v2.0.0"}, "apiVersion"),
        ({"kind": "Recipe"}, "kind"),
        ({"surprise": 1}, "surprise"),
        ({"version": None, "schema": 3}, "schema"),
    ],
)
def test_a_wrong_document_is_one_clear_error(change: dict[str, object], says: str):
    with pytest.raises(InputError, match=says):
        parse(document() | change)


@pytest.mark.parametrize(
    "custom",
    [
        {"deadbnad": 1}, {"deadband": {"absolute": -1}}, {"sampling": "1h"},
        {"windows": [{"every": "P0D", "aggregates": ["mean"]}]},
        {"windows": [{"every": "PT1H", "aggregates": ["mood"]}]},
    ],
)  # fmt: skip
def test_a_wrong_promise_is_one_clear_error(custom: dict[str, object]):
    with pytest.raises(InputError) as caught:
        parse(document(**custom))
    assert "c.yaml" in str(caught.value)


def test_a_contract_knows_its_site():
    contract = parse(document(unit="l/min") | {"schema": [{"name": "pump", "properties": [{"name": "flux"}]}]})
    with pytest.raises(InputError, match="unknown signal 'flux'"):
        check_against_site(contract, SITE, where="c.yaml")
    with pytest.raises(InputError, match="units measure different things"):
        check_against_site(parse(document(unit="bar")), SITE, where="c.yaml")


def test_durations_are_iso_8601():
    assert parse_duration("P1DT2H3M4S").total_seconds() == 93_784
    for text in ("", "P", "PT", "1h", "PT0S", "PT-1H"):
        with pytest.raises(ValueError, match="ISO 8601"):
            parse_duration(text)


def test_deadband_hides_what_is_close():
    assert Deadband(absolute=0.5).hides(10.0, 10.5)
    assert not Deadband(absolute=0.5).hides(10.0, 10.6)
    assert Deadband(percent=10).hides(-10.0, -11.0)
    assert not Deadband(percent=10).hides(0.0, 0.1)


def test_rules_have_hysteresis():
    rule = Rule(
        name="hot", equipment_type="pump", signal="flow", raise_when=">", threshold=5, clear_at=4, fault_code="F",
        severity=80, message="m",
    )  # fmt: skip
    assert not rule.holds(4.5, raised=False)
    assert rule.holds(4.5, raised=True)
    assert not rule.holds(4.0, raised=True)


def test_window_lengths():
    window = Window(every="PT6H", aggregates=("mean",), lateness="PT30M")
    assert (window.every_us, window.lateness_us) == (21_600_000_000, 1_800_000_000)


def test_sha_covers_the_text_byte_for_byte(tmp_path: Path):
    text = yaml.safe_dump(document())
    assert parse_contract(text, where="x").sha256 != parse_contract(text + "\n", where="x").sha256
