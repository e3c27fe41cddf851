"""Artefacts of any size, in a folder and in an object store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import NotFoundError
from core.vault import Secret
from lake.artefacts import Artefacts
from lake.storage import storage_of
from lake.store import Lake
from tests.lake.s3_server import KEY, running


@pytest.fixture(params=["folder", "object store"])
def artefacts(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Artefacts]:
    if request.param == "folder":
        yield Artefacts(Lake(str(tmp_path)).tenant("acme-works"))
        return
    with running(atomic=True) as s3:
        storage = storage_of("s3://lake/root", s3.options, {"aws_secret_access_key": Secret(KEY)})
        yield Artefacts(Lake(storage.root, storage.revealed()).tenant("acme-works"))


def test_what_was_saved_is_loaded_byte_for_byte(artefacts: Artefacts) -> None:
    assert not artefacts.has("one.bin")
    for content in (b"small", bytes(range(256)) * 12_000, b""):
        artefacts.save("one.bin", content)
        assert artefacts.load("one.bin") == content
    artefacts.save("notes.gz", b"no archive, whatever its name says")
    assert artefacts.load("notes.gz") == b"no archive, whatever its name says"
    assert artefacts.has("one.bin")
    with pytest.raises(NotFoundError):
        artefacts.load("two.bin")
