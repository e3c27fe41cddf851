from pathlib import Path

import pytest
import yaml

from core.contracts.odcs import check_against_site, parse_contract, permissive_contract
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
        {"deadbnad": 1}, {"deadband": {"absolute": -1}}, {"deadband": {}},
        {"deadband": {"absolute": 1, "percent": 1}}, {"sampling": "1h"},
        {"windows": [{"every": "PT1H", "aggregates": ["mean", "mean"]}]},
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


def test_sha_covers_the_text_byte_for_byte(tmp_path: Path):
    text = yaml.safe_dump(document())
    assert parse_contract(text, where="x").sha256 != parse_contract(text + "\n", where="x").sha256
