"""The door to an installation's lake: settings, vault and run folder together."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import InputError
from core.run.folder import RunFolder
from core.settings import LakeSettings, Settings, as_environment, load_settings
from core.vault import Secret
from core.vault.installation import InstallationVault
from lake.opening import open_lake

_SECRET = "very-secret-value-0123456789"
_S3 = Settings(lake=LakeSettings(root="s3://bucket/lake/", options={"aws_access_key_id": "AK", "aws_region": "eu"}))


@pytest.fixture
def run(reachable: Path) -> RunFolder:
    return RunFolder.open(reachable / "run", Settings())


def test_a_folder_by_default(run):
    assert open_lake(run, Settings()).root == str(run.lake)
    assert open_lake(run, Settings()).tenant("acme-works").storage_options == {}


def test_secrets_come_from_the_vault_and_each_tenant_has_a_prefix(run):
    with pytest.raises(InputError, match="platform lake secret set aws_secret_access_key"):
        open_lake(run, _S3)
    InstallationVault.by_settings(run, _S3).put("lake/aws_secret_access_key", Secret(_SECRET))
    tenant = open_lake(run, _S3).tenant("acme-works")
    assert tenant.root == "s3://bucket/lake/acme-works"
    assert tenant.storage_options["aws_secret_access_key"] == _SECRET
    assert _SECRET not in f"{tenant!r} {vars(open_lake(run, _S3))['root']} {as_environment(_S3)}"


def test_a_process_that_opens_it_twice_is_one_writer(run):
    first, second = open_lake(run, Settings()), open_lake(run, Settings())
    assert first.turns is second.turns


def test_other_processes_get_the_options_and_no_secret(monkeypatch):
    for name, value in as_environment(_S3).items():
        monkeypatch.setenv(name, value)
    assert load_settings().lake == _S3.lake


def test_options_that_are_no_json_are_one_error_without_their_text(monkeypatch):
    monkeypatch.setenv("GOLDLAYER_LAKE__OPTIONS", f'{{"aws_secret_access_key": "{_SECRET}"')
    with pytest.raises(InputError, match="no JSON") as refused:
        load_settings()
    assert _SECRET not in str(refused.value)
