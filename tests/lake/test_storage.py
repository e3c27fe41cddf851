"""The lake's store by setting: what is built for each kind, and one clear error for what does not fit."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from deltalake import DeltaTable
from obstore.exceptions import GenericError, UnknownConfigurationKeyError
from obstore.store import AzureStore, GCSStore, S3Store

from core.errors import InputError
from core.vault import Secret
from lake.storage import KINDS, Storage, checked_root, storage_of

_SECRET = "very-secret-value-0123456789"
_S3 = {"aws_region": "eu-central-1", "aws_access_key_id": "AK"}
_S3_SECRETS = {"aws_secret_access_key": Secret(_SECRET)}


def _refused(root: str, options: dict[str, str], secrets: dict[str, Secret] | None = None) -> str:
    with pytest.raises(InputError) as refused:
        storage_of(checked_root(root), options, secrets or {})
    said = str(refused.value)
    assert _SECRET not in said
    return said


def test_a_folder_is_made_absolute_and_takes_no_options(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert checked_root("lake") == str(tmp_path / "lake")
    assert storage_of(checked_root("lake"), {}, _S3_SECRETS).revealed() == {}
    assert "a local folder takes no options; received 'aws_region'" in _refused("lake", {"aws_region": "eu"})


def test_s3_gets_its_options_its_secrets_and_conditional_puts():
    storage = storage_of("s3://bucket/lake", {**_S3, "AWS_ENDPOINT_URL": "https://s3.example"}, _S3_SECRETS)
    assert storage.revealed() == {
        **_S3,
        "aws_endpoint_url": "https://s3.example",
        "aws_secret_access_key": _SECRET,
        "aws_conditional_put": "etag",
    }
    assert storage.endpoint == "https://s3.example"
    assert _SECRET not in repr(storage)


def test_s3_without_keys_leaves_it_to_the_machine():
    assert storage_of("s3://bucket", {"aws_region": "eu"}, {}).revealed() == {
        "aws_region": "eu",
        "aws_conditional_put": "etag",
    }


def test_google_gets_its_key_and_azure_its_account():
    key = {"google_service_account_key": Secret("{}"), **_S3_SECRETS}
    assert storage_of("gs://bucket/lake", {"timeout": "30s"}, key).revealed() == {
        "timeout": "30s",
        "google_service_account_key": "{}",
    }
    account, secrets = {"azure_storage_account_name": "lakes"}, {"azure_storage_account_key": Secret("a2V5")}
    azure = storage_of("az://container/lake", account, secrets)
    assert azure.revealed() == {**account, "azure_storage_account_key": "a2V5"}
    emulated = {"azure_storage_use_emulator": "true", "allow_http": "true"}
    assert storage_of("az://container/lake", emulated, {}).revealed() == emulated


@pytest.mark.parametrize("scheme", KINDS)
def test_every_option_is_one_the_library_reads(scheme: str):
    """An unknown name would be passed over in silence; of these, obstore refuses what it does not know."""
    store: Any = {"s3": S3Store, "gs": GCSStore, "az": AzureStore}[scheme]
    needed = {"azure_storage_account_name": "x"} if scheme == "az" else {}
    with pytest.raises(UnknownConfigurationKeyError):
        store("bucket", config={**needed, f"{scheme}_regoin": "true"})
    for name in KINDS[scheme].options | KINDS[scheme].secrets:
        with contextlib.suppress(GenericError):  # a value that is none
            store("bucket", config={**needed, name: "true"})


@pytest.mark.parametrize(
    ("root", "says"),
    [
        ("hdfs://host/lake", "scheme no store is known for; expected a local folder, s3://BUCKET/FOLDER"),
        ("https://host/lake", "scheme no store is known for"),
        ("s3://", "not an address of a bucket"),
        (f"s3://AK:{_SECRET}@bucket/lake", "not an address of a bucket"),
        (f"az://container/lake?sig={_SECRET}", "not an address of a bucket"),
        ("s3://bucket/../other", "not an address of a bucket"),
    ],
)
def test_a_root_that_is_none_is_refused_and_not_repeated(root: str, says: str):
    assert says in _refused(root, {})


def test_what_does_not_fit_is_named():
    assert "does not belong in a setting; received 'aws_secret_access_key'" in _refused(
        "s3://bucket", {**_S3, "aws_secret_access_key": _SECRET}
    )
    assert "no such option here; expected aws_region" in _refused("s3://bucket", {"aws_regoin": "eu"})
    assert "no such option here" in _refused("s3://bucket", {"aws_s3_allow_unsafe_rename": "true"})
    assert "a secret of the store is missing; expected aws_secret_access_key" in _refused("s3://bucket", _S3)
    assert "an option of the store is missing; expected aws_access_key_id" in _refused("s3://bucket", {}, _S3_SECRETS)
    assert "expected azure_storage_account_name" in _refused("az://container", {})
    emulated = {"azure_storage_use_emulator": "true", "azure_storage_endpoint": "https://example.com"}
    assert "takes no other options of Azure" in _refused("az://container", emulated)
    assert "expected azure_storage_client_secret" in _refused(
        "az://container", {"azure_storage_account_name": "a", "azure_storage_tenant_id": "t"}
    )


def test_an_endpoint_is_an_encrypted_address_unless_said_otherwise():
    open_one = {"aws_endpoint_url": "http://127.0.0.1:9000"}
    assert "not encrypted" in _refused("s3://bucket", open_one)
    assert storage_of("s3://bucket", {**open_one, "allow_http": "true"}, {}).revealed()["allow_http"] == "true"
    for address in ("minio:9000", f"https://AK:{_SECRET}@minio", "ftp://minio"):
        assert "not an address" in _refused("s3://bucket", {"aws_endpoint_url": address})


@pytest.mark.parametrize(
    "storage",
    [
        Storage("gs://bucket/lake", {}, {"google_service_account_key": Secret(_SECRET)}),
        Storage("az://c/l", {"azure_storage_account_name": "x"}, {"azure_storage_account_key": Secret(_SECRET)}),
    ],
)
def test_a_secret_that_is_none_is_not_repeated_by_the_library(storage: Storage):
    with pytest.raises(OSError) as refused:
        DeltaTable(f"{storage.root}/table", storage_options=storage.revealed())
    assert _SECRET not in str(refused.value)
