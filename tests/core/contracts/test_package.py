"""Packages: what was signed comes out again, and nothing else does."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from core.contracts.package import MANIFEST, MOST_BYTES, SIGNATURE, build, open_package, ordered
from core.errors import DeniedError, GoldlayerError, InputError

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
FILES = {"rules/a.yaml": b"rules: []", "models/m.json": b"{}"}


def pem(key: Ed25519PrivateKey = KEY) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def changed(packed: bytes, change: Callable[[dict[str, bytes]], None]) -> bytes:
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        contents = {name: archive.read(name) for name in archive.namelist()}
    change(contents)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return out.getvalue()


def test_what_was_signed_comes_out_again() -> None:
    packed = build("acme-co", "wear", "1.2.0", FILES, KEY)
    assert packed == build("acme-co", "wear", "1.2.0", dict(reversed(FILES.items())), KEY)
    package = open_package(packed, pem(), "acme-co")
    assert package.files == FILES
    assert (package.manifest.name, package.manifest.version, package.manifest.tenant) == ("wear", "1.2.0", "acme-co")
    assert ordered("1.10.0") > ordered("1.9.9")


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (lambda c: c.update({"rules/a.yaml": b"rules: [1]"}), InputError, "what its manifest says"),
        (lambda c: c.update({"rules/b.yaml": b""}), InputError, "what its manifest says"),
        (lambda c: c.pop("models/m.json"), InputError, "what its manifest says"),
        (lambda c: c.pop(SIGNATURE), InputError, "not a package"),
        (lambda c: c.update({SIGNATURE: b"x" * 64}), DeniedError, "not signed by the key"),
        (lambda c: c.update({MANIFEST: c[MANIFEST].replace(b"1.2.0", b"9.2.0")}), DeniedError, "not signed"),
        (lambda c: c.update({"rules/big.yaml": b"0" * (5 << 20)}), InputError, "holds too much"),
    ],
)
def test_what_was_changed_does_not(change: Callable[[dict[str, bytes]], None], error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        open_package(changed(build("acme-co", "wear", "1.2.0", FILES, KEY), change), pem(), "acme-co")


def test_another_key_another_tenant_and_no_package() -> None:
    packed = build("acme-co", "wear", "1.2.0", FILES, KEY)
    with pytest.raises(DeniedError, match="not signed by the key"):
        open_package(packed, pem(Ed25519PrivateKey.generate()), "acme-co")
    with pytest.raises(DeniedError, match="another tenant"):
        open_package(packed, pem(), "other-co")
    for wrong in (b"", b"PK", packed[:-30], packed[:60] + b"\0" * 40 + packed[100:], b"0" * (MOST_BYTES + 1)):
        with pytest.raises(GoldlayerError):
            open_package(wrong, pem(), "acme-co")
    with pytest.raises(InputError, match="not a public key"):
        open_package(packed, b"nonsense", "acme-co")


@pytest.mark.parametrize(
    "path", ["steps/a.py", "rules/../a.yaml", "/etc/a.yaml", "rules/a.py", "a.yaml", "rules/x/a.yaml", "rules/.a.yaml"]
)
def test_a_package_holds_definitions_only(path: str) -> None:
    with pytest.raises(InputError, match="is no definition"):
        build("acme-co", "wear", "1.2.0", {path: b""}, KEY)
    # Nor does one that somebody signed by other means.
    manifest = json.dumps({"tenant": "acme-co", "name": "wear", "version": "1.0.0", "files": {path: "0" * 64}}).encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in {MANIFEST: manifest, SIGNATURE: KEY.sign(manifest), path: b""}.items():
            archive.writestr(name, content)
    with pytest.raises(InputError, match="cannot be used"):
        open_package(out.getvalue(), pem(), "acme-co")


@pytest.mark.parametrize(("name", "version"), [("Wear", "1.0.0"), ("..", "1.0.0"), ("wear", "1.0"), ("wear", "../1")])
def test_names_and_versions_are_plain(name: str, version: str) -> None:
    with pytest.raises(InputError, match="of the package is wrong"):
        build("acme-co", name, version, FILES, KEY)
