"""Packages for a bridge: a signed manifest and the files it names, in one ZIP.

The platform signs with the key of one tenant, and the manifest names the tenant too; a bridge trusts one public key.
What is signed is the manifest byte for byte; the manifest holds the SHA-256 of every file.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from core.contracts.package_key import public_key_of
from core.contracts.site import Slug
from core.errors import DeniedError, InputError

MOST_BYTES = 64 << 20
"""Of a whole package, whatever a site allows."""
PIECE_BYTES = 192 * 1024
"""Of a package that go with one call: a third more as base64, and with the rest far below what a call may be long."""
_MOST_UNPACKED, _MOST_TIMES = 4 << 20, 8
"""What files may come to: so many bytes, or so many times what the package has, if that is more."""
_MOST_OF_MANIFEST = 256 * 1024
_MOST_FILES = 200
_MOST_PLACES = 200
MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
_FOLDERS = {"etl": ".yaml", "rules": ".yaml", "models": ".json"}
_FILE = re.compile(r"^[a-z]+/[a-z0-9][a-z0-9_.-]{0,80}$")
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The same files make the same package, whenever it is built."""

_NAME = r"^[a-z][a-z0-9-]{1,38}[a-z0-9]$"
PackageName = Annotated[str, StringConstraints(pattern=_NAME)]
Version = Annotated[str, StringConstraints(pattern=r"^(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})$")]
BridgeName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


def is_package_name(text: str) -> bool:
    """Whether a package can be called so; a name becomes a folder on site."""
    return re.fullmatch(_NAME, text) is not None


def ordered(version: str) -> tuple[int, ...]:
    """A version as something that sorts."""
    return tuple(int(part) for part in version.split("."))


class Manifest(BaseModel):
    """What a package is and for whom."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    kind: Literal["edge"] = "edge"
    """Pipelines and edge rules: definitions only, nothing that runs by itself."""
    tenant: Slug
    name: PackageName
    version: Version
    bridge: Version = "0.0.0"
    """Oldest version of a bridge that can use it."""
    sites: tuple[Slug, ...] = Field((), max_length=_MOST_PLACES)
    """Sites it is for; none named: every site of the tenant."""
    bridges: tuple[BridgeName, ...] = Field((), max_length=_MOST_PLACES)
    """Bridges it is for; none named: every bridge of those sites."""
    files: dict[str, Sha256] = Field(min_length=1, max_length=_MOST_FILES)

    @field_validator("files")
    @classmethod
    def _are_definitions(cls, value: dict[str, str]) -> dict[str, str]:
        for path in value:
            folder, _, name = path.partition("/")
            if not _FILE.match(path) or not name.endswith(_FOLDERS.get(folder, "\0")):
                known = ", ".join(f"{one}/*{end}" for one, end in _FOLDERS.items())
                raise ValueError(f"{path!r} is no definition; a package holds {known}")
        return value

    def check_place(self, site: str, bridge_id: str) -> None:
        """Whether it is for a bridge.

        Raises:
            DeniedError: it is for others; says which.
        """
        for kind, meant, here in (("sites", self.sites, site), ("bridges", self.bridges, bridge_id)):
            if meant and here not in meant:
                raise DeniedError(
                    f"{self.name} {self.version} is for other {kind}", expected=", ".join(meant), received=here
                )


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom a package is for, beyond its tenant.

    Attributes:
        bridge: oldest version of a bridge that can use it.
        sites: by name; all if none is named.
        bridges: the same.
    """

    bridge: str = "0.0.0"
    sites: tuple[str, ...] = ()
    bridges: tuple[str, ...] = ()


EVERYWHERE = Audience()


@dataclass(frozen=True, slots=True)
class Package:
    """A package whose signature and files were found right.

    Attributes:
        manifest: what it is.
        files: by path.
        sha256: of the whole package.
    """

    manifest: Manifest
    files: Mapping[str, bytes]
    sha256: str


def build(
    tenant: str,
    name: str,
    version: str,
    files: Mapping[str, bytes],
    key: Ed25519PrivateKey,
    audience: Audience = EVERYWHERE,
) -> bytes:
    """Sign and pack.

    Raises:
        InputError: a name, the version or a file is not what a package may hold, or it is too large.
    """
    try:
        manifest = Manifest(
            tenant=tenant,
            name=name,
            version=version,
            bridge=audience.bridge,
            sites=audience.sites,
            bridges=audience.bridges,
            files={path: hashlib.sha256(content).hexdigest() for path, content in sorted(files.items())},
        )
    except ValidationError as error:
        first = error.errors()[0]
        key_name = ".".join(str(part) for part in first["loc"])
        message = first["msg"].removeprefix("Value error, ")
        raise InputError(f"`{key_name}` of the package is wrong", expected=message) from error
    text = manifest.model_dump_json(indent=1).encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in {MANIFEST: text, SIGNATURE: key.sign(text), **dict(sorted(files.items()))}.items():
            archive.writestr(zipfile.ZipInfo(path, _EPOCH), content, zipfile.ZIP_DEFLATED)
    packed = out.getvalue()
    _within(packed)
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        _check_size(archive, len(packed))
    return packed


def open_package(packed: bytes, trusted_pem: bytes, tenant: str) -> Package:
    """Check everything that can be checked without installing it.

    Raises:
        DeniedError: the signature is not that of the trusted key, or the package is another tenant's.
        InputError: it is no package, was changed, or is too large.
    """
    _within(packed)
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            _check_size(archive, len(packed))
            manifest = _verified(archive, trusted_pem, tenant)
            contents = {name: archive.read(name) for name in archive.namelist() if name not in (MANIFEST, SIGNATURE)}
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, OSError, ValueError) as error:
        raise InputError("not a package", expected="a ZIP", received=str(error)[:100]) from error
    found = {path: hashlib.sha256(content).hexdigest() for path, content in contents.items()}
    if found != manifest.files:
        wrong = sorted(path for path in {*found, *manifest.files} if found.get(path) != manifest.files.get(path))
        raise InputError("package does not hold what its manifest says", received=wrong[0])
    return Package(manifest, contents, hashlib.sha256(packed).hexdigest())


def _verified(archive: zipfile.ZipFile, trusted_pem: bytes, tenant: str) -> Manifest:
    """The manifest; nothing else is unpacked before its signature was found right."""
    if not {MANIFEST, SIGNATURE} <= set(archive.namelist()):
        raise InputError("not a package", expected=f"{MANIFEST} and {SIGNATURE}")
    text, signature = archive.read(MANIFEST), archive.read(SIGNATURE)
    try:
        public_key_of(trusted_pem).verify(signature, text)
    except InvalidSignature as error:
        raise DeniedError("package is not signed by the key this bridge trusts") from error
    try:
        manifest = Manifest.model_validate_json(text)
    except ValidationError as error:
        raise InputError("manifest of the package cannot be used", received=error.errors()[0]["msg"]) from error
    if manifest.tenant != tenant:
        raise DeniedError("package is for another tenant")
    return manifest


def _check_size(archive: zipfile.ZipFile, packed_bytes: int) -> None:
    entries = archive.infolist()
    most = max(_MOST_UNPACKED, _MOST_TIMES * packed_bytes)
    if len(entries) > _MOST_FILES + 2 or sum(one.file_size for one in entries) > most:
        raise InputError("package holds too much", expected=f"{_MOST_FILES} files, {most:,} bytes")
    if len({one.filename for one in entries}) != len(entries):
        raise InputError("package holds a file twice")
    if any(one.file_size > _MOST_OF_MANIFEST for one in entries if one.filename in (MANIFEST, SIGNATURE)):
        raise InputError("manifest of the package is too long", expected=f"at most {_MOST_OF_MANIFEST:,} bytes")


def _within(packed: bytes) -> None:
    if len(packed) > MOST_BYTES:
        raise InputError("package is too large", expected=f"at most {MOST_BYTES:,} bytes", received=len(packed))
