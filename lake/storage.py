"""Which store keeps the lake, from one setting and the store's own options. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import urlsplit

from core.errors import InputError
from core.vault.secret import Secret

ROOT, OPTIONS = "GOLDLAYER_LAKE__ROOT", "GOLDLAYER_LAKE__OPTIONS"
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,62}")
_FOLDERS = re.compile(r"(/(?!\.)[A-Za-z0-9._=-]+)*/?")
_CLIENT = frozenset({"allow_http", "connect_timeout", "timeout"})
"""What every store takes, in the libraries' words; times as `30s`."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of object store.

    Attributes:
        name: as people call it.
        options: what a setting may say, in the libraries' own names.
        secrets: what only the vault may hold. A shared access signature is not among them: it would be part of
            addresses, which errors repeat.
        endpoint: the option that names another server than the vendor's.
        fixed: what the lake sets itself.
    """

    name: str
    options: frozenset[str]
    secrets: frozenset[str]
    endpoint: str
    fixed: Mapping[str, str] = field(default_factory=lambda: dict[str, str]())


KINDS: dict[str, Kind] = {
    "s3": Kind(
        "S3",
        frozenset(
            [
                "aws_access_key_id",
                "aws_checksum_algorithm",
                "aws_disable_tagging",
                "aws_endpoint_url",
                "aws_imdsv1_fallback",
                "aws_region",
                "aws_request_payer",
                "aws_role_arn",
                "aws_role_session_name",
                "aws_server_side_encryption",
                "aws_sse_bucket_key_enabled",
                "aws_sse_kms_key_id",
                "aws_unsigned_payload",
                "aws_virtual_hosted_style_request",
                "aws_web_identity_token_file",
            ]
        ),
        frozenset({"aws_secret_access_key", "aws_session_token"}),
        "aws_endpoint_url",
        # Without it the Delta library refuses to write, or asks for a lock table in DynamoDB.
        {"aws_conditional_put": "etag"},
    ),
    "gs": Kind(
        "Google Cloud Storage",
        frozenset({"google_application_credentials", "google_base_url", "google_service_account"}),
        frozenset({"google_service_account_key"}),
        "google_base_url",
    ),
    "az": Kind(
        "Azure Blob Storage",
        frozenset(
            [
                "azure_federated_token_file",
                "azure_msi_endpoint",
                "azure_msi_resource_id",
                "azure_object_id",
                "azure_storage_account_name",
                "azure_storage_client_id",
                "azure_storage_endpoint",
                "azure_storage_tenant_id",
                "azure_storage_use_emulator",
                "azure_use_azure_cli",
                "azure_use_fabric_endpoint",
            ]
        ),
        frozenset({"azure_storage_account_key", "azure_storage_client_secret"}),
        "azure_storage_endpoint",
    ),
}
"""By the scheme of the root."""


@dataclass(frozen=True, slots=True)
class Storage:
    """Where the lake is and what its store needs to know.

    Attributes:
        root: an absolute folder, or an address without a slash at its end.
        options: in the libraries' own names, without secrets.
        secrets: what comes on top from the vault, by option.
    """

    root: str
    options: Mapping[str, str] = field(default_factory=lambda: dict[str, str]())
    secrets: Mapping[str, Secret] = field(default_factory=lambda: dict[str, Secret]())

    @property
    def kind(self) -> Kind | None:
        """Kind of object store; None for a local folder."""
        return kind_of(self.root)

    @property
    def endpoint(self) -> str:
        """The server that is dialled, or the vendor's name."""
        kind = self.kind
        return "this machine" if kind is None else self.options.get(kind.endpoint, kind.name)

    def revealed(self) -> dict[str, str]:
        """All options with the secrets in the clear, for the library that dials."""
        kind = self.kind
        fixed = {} if kind is None else kind.fixed
        return {**fixed, **self.options, **{name: value.reveal() for name, value in self.secrets.items()}}


def kind_of(root: str) -> Kind | None:
    """The kind of object store a root is in; None for a local folder."""
    return KINDS[root.partition("://")[0]] if "://" in root else None


def checked_root(root: str) -> str:
    """A root as the setting has it, made absolute and checked.

    Raises:
        InputError: the scheme is none we know, or the address holds more than a bucket and folders.
    """
    if "://" not in root:
        return str(Path(root).expanduser().absolute())
    scheme = root.partition("://")[0]
    if scheme not in KINDS:
        raise InputError(
            "the lake's root has a scheme no store is known for",
            expected="a local folder, s3://BUCKET/FOLDER, gs://BUCKET/FOLDER or az://CONTAINER/FOLDER",
            received=f"{scheme}://",
            where=ROOT,
        )
    parts = urlsplit(root)
    if not _BUCKET.fullmatch(parts.netloc) or not _FOLDERS.fullmatch(parts.path) or parts.query or parts.fragment:
        # The address is not repeated: what does not belong there may be a password.
        raise InputError(
            "the lake's root is not an address of a bucket",
            expected=f"{scheme}://BUCKET/FOLDER and nothing else; keys of the store belong in the vault",
            where=ROOT,
        )
    return root.rstrip("/")


def storage_of(root: str, options: Mapping[str, str], secrets: Mapping[str, Secret]) -> Storage:
    """The store of a lake, its options checked before anything is dialled.

    Args:
        root: checked.
        options: as the setting has them, in any case.
        secrets: what the vault holds, by option.

    Raises:
        InputError: an option is unknown, belongs in the vault, or lacks another one that goes with it.
    """
    kind = kind_of(root)
    given = {name.lower(): value for name, value in options.items()}
    if kind is None:
        if given:
            raise InputError(
                "a local folder takes no options",
                received=", ".join(sorted(given)),
                where=OPTIONS,
                next_step=f"unset it, or name an object store in {ROOT}",
            )
        return Storage(root)
    for name in sorted(given):
        _check_name(kind, name)
    _check_endpoint(kind, given)
    _check_pairs(root, given, secrets)
    # What the vault keeps of another kind of store is not this one's affair.
    return Storage(root, given, {name: value for name, value in secrets.items() if name in kind.secrets})


def _check_name(kind: Kind, name: str) -> None:
    if name in kind.secrets:
        raise InputError(
            "a secret of the store does not belong in a setting",
            received=name,
            where=OPTIONS,
            next_step=f"take it out, and keep it with `platform lake secret set {name}`",
        )
    known = kind.options | _CLIENT
    if name not in known:
        raise InputError(
            f"{kind.name} has no such option here",
            expected=", ".join(get_close_matches(name, sorted(known), n=3) or sorted(known)),
            received=name,
            where=OPTIONS,
        )


def _check_endpoint(kind: Kind, given: Mapping[str, str]) -> None:
    address = given.get(kind.endpoint)
    if address is None:
        return
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query:
        raise InputError(
            "the store's endpoint is not an address",
            expected="https://HOST[:PORT]",
            where=f"{OPTIONS}, {kind.endpoint}",
        )
    if parts.scheme == "http" and given.get("allow_http") != "true":
        raise InputError(
            "the store's endpoint is not encrypted",
            expected='https://…, or allow_http "true" beside it',
            received=address,
            where=f"{OPTIONS}, {kind.endpoint}",
        )


def _check_pairs(root: str, given: Mapping[str, str], secrets: Mapping[str, Secret]) -> None:
    """What only makes sense together; with none of it the libraries ask the machine who they are."""
    if root.startswith("s3://"):
        if "aws_access_key_id" in given and "aws_secret_access_key" not in secrets:
            raise _missing_secret("aws_secret_access_key", "aws_access_key_id")
        if "aws_secret_access_key" in secrets and "aws_access_key_id" not in given:
            raise _missing_option("aws_access_key_id", "the vault keeps aws_secret_access_key")
    if root.startswith("az://"):
        if given.get("azure_storage_use_emulator") == "true":
            _check_emulator(given)
            return
        if "azure_storage_account_name" not in given:
            raise _missing_option("azure_storage_account_name", "the address names the container alone")
        proof = "azure_storage_client_secret" in secrets or "azure_federated_token_file" in given
        if "azure_storage_tenant_id" in given and not proof:
            raise _missing_secret("azure_storage_client_secret", "azure_storage_tenant_id")


def _check_emulator(given: Mapping[str, str]) -> None:
    """The emulator has one place and one account, which the libraries know; they pass over anybody else's."""
    others = sorted(name for name in given if name.startswith("azure_") and name != "azure_storage_use_emulator")
    if others:
        raise InputError(
            "the emulator of Azure takes no other options of Azure",
            expected="azure_storage_use_emulator alone: it is on port 10000 of this machine",
            received=", ".join(others),
            where=OPTIONS,
        )


def _missing_secret(name: str, beside: str) -> InputError:
    return InputError(
        "a secret of the store is missing",
        expected=f"{name} in the vault, since {OPTIONS} has {beside}",
        next_step=f"`platform lake secret set {name}`",
    )


def _missing_option(name: str, because: str) -> InputError:
    return InputError("an option of the store is missing", expected=f"{name}: {because}", where=OPTIONS)
