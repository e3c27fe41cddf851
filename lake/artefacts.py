"""Files that stand beside a tenant's tables, fitted models above all: `<root>/<tenant>/artefacts/<name>`."""

from __future__ import annotations

from pathlib import Path

import pyarrow.fs as pafs
from deltalake.fs import DeltaStorageHandler

from core.errors import NotFoundError
from lake.store import TenantLake
from lake.tables.bronze import READINGS


class Artefacts:
    """The artefacts of one tenant; a name is never written twice with other bytes, so it carries a hash.

    Args:
        lake: the tenant's lake.
    """

    def __init__(self, lake: TenantLake) -> None:
        self._options = lake.storage_options
        self._root = lake.location(READINGS).removesuffix("/bronze/readings") + "/artefacts"

    def save(self, name: str, content: bytes) -> None:
        """Write an artefact whole."""
        files = self._files(create=True)
        # Buffered, for a store's own stream takes bytes only and would be handed Arrow's buffer.
        with files.open_output_stream(name, compression=None, buffer_size=len(content) + 1) as stream:
            stream.write(content)

    def load(self, name: str) -> bytes:
        """Read an artefact.

        Raises:
            NotFoundError: there is none of that name.
        """
        try:
            with self._files().open_input_stream(name, compression=None) as stream:
                return stream.read()
        except (FileNotFoundError, OSError) as error:
            raise NotFoundError("no such artefact", received=name, where=self._root) from error

    def has(self, name: str) -> bool:
        """Whether an artefact of that name was written."""
        try:
            return self._files().get_file_info(name).type is pafs.FileType.File
        except (FileNotFoundError, OSError):
            return False

    def _files(self, *, create: bool = False) -> pafs.FileSystem:
        if "://" in self._root:
            return pafs.PyFileSystem(DeltaStorageHandler(self._root, self._options or None))
        if create:
            Path(self._root).mkdir(parents=True, exist_ok=True)
        return pafs.SubTreeFileSystem(self._root, pafs.LocalFileSystem())
