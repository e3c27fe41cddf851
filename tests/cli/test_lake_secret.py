"""`platform lake secret` on a real installation: kept sealed, on record, and nowhere to be read."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest

from cli.main import main
from core.settings import load_settings
from lake.opening import open_lake

if TYPE_CHECKING:
    from tests.conftest import Installation

pytestmark = pytest.mark.integration
_VALUE = "planted-0123456789abcdef"
_NAME = "aws_secret_access_key"


@pytest.fixture
def at(prepared: Installation, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("GOLDLAYER_POSTGRES__DURABLE", "false")
    monkeypatch.setenv("GOLDLAYER_LAKE__ROOT", "s3://bucket/lake")
    monkeypatch.setenv("GOLDLAYER_LAKE__OPTIONS", json.dumps({"aws_access_key_id": "AK", "aws_region": "eu"}))
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{_VALUE}\n"))
    return ["--run", str(prepared.run.path)]


def test_a_secret_is_set_used_listed_and_removed(at, prepared, capsys, monkeypatch):
    assert main(["lake", "tables", "--tenant", "acme-works", *at]) == 2
    assert f"platform lake secret set {_NAME}" in capsys.readouterr().err
    assert main(["lake", "secret", "set", _NAME.upper(), *at]) == 0
    assert open_lake(prepared.run, load_settings()).tenant("acme-works").storage_options[_NAME] == _VALUE
    assert main(["lake", "secret", "list", *at]) == 0
    assert main(["audit", "search", "--platform", *at]) == 0
    assert main(["info", *at]) == 0
    assert main(["lake", "secret", "remove", _NAME, *at]) == 0
    said = "".join(capsys.readouterr())
    assert _VALUE not in said
    assert f"{_NAME} is kept" in said
    assert f"set {_NAME} of the lake's store" in said
    for file in prepared.run.path.rglob("*"):
        assert not file.is_file() or _VALUE.encode() not in file.read_bytes(), file


def test_what_is_no_secret_of_a_store_is_refused(at, capsys):
    assert main(["lake", "secret", "set", "aws_region", *at]) == 2
    assert "no store has such a secret; expected aws_secret_access_key" in capsys.readouterr().err
