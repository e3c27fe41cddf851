"""Secrets of the installation itself, such as the key to its object store: of no tenant, and read before any database.

They lie in one file of the run folder's secrets, sealed under a data key of their own, which the master key wraps like
every tenant's: with the master key in a KMS a copy of the run folder opens nothing. A value is read when a process
first needs it.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from core.errors import InputError, TerminalError
from core.run.folder import RunFolder
from core.run.locks import exclusive
from core.settings import Settings
from core.vault.file import FileVault
from core.vault.master import MasterKeys, Wrapped
from core.vault.secret import Secret

_FILE, _KEY = "installation.json", "installation.key"
_CONTEXT = json.dumps(["goldlayer data key", "installation", 1])
Result = TypeVar("Result")


class InstallationVault:
    """Reads and writes the installation's own secrets; several processes may use it at once.

    Args:
        run: the installation.
        master: wraps the data key.
    """

    def __init__(self, run: RunFolder, master: MasterKeys) -> None:
        self._run = run
        self._master = master

    @classmethod
    def by_settings(cls, run: RunFolder, settings: Settings) -> InstallationVault:
        """The vault of an installation, under whichever master key its settings name."""
        return cls(run, MasterKeys.by_settings(run, settings))

    def put(self, name: str, value: Secret) -> None:
        """Keep a value under a name, replacing the one there.

        Raises:
            InputError: not a usable name, or nothing to keep.
        """
        if not value.reveal().strip() or not value.is_text():
            raise InputError("a secret is empty or no text", where=name)
        with exclusive(self._run.secrets / f"{_KEY}.lock"):
            if not self._wrapped_file.exists():
                self._keep(_now(self._master.wrap(os.urandom(32), _CONTEXT)))
        self._opened().put(name, value.reveal())

    def names(self) -> list[str]:
        """Names that are kept, sorted; needs no key."""
        return FileVault(self._run.secrets / _FILE, " " * 32).names()

    def within(self, folder: str) -> dict[str, Secret]:
        """The values whose names begin with `folder/`, by what follows; empty where nothing was ever kept.

        Raises:
            TerminalError: the key is missing, or no master key opens it.
        """
        names = [name for name in self.names() if name.startswith(f"{folder}/")]
        if not names:
            return {}
        vault = self._opened()
        return {name.removeprefix(f"{folder}/"): Secret(vault.get(name)) for name in names}

    def remove(self, name: str) -> None:
        """Forget a value.

        Raises:
            NotFoundError: there is none.
        """
        self._opened().remove(name)

    async def wrap_anew(self) -> int:
        """Wrap the data key under the master key of now; returns how many keys that were. A step of its rotation."""
        if not self._wrapped_file.exists():
            return 0
        with exclusive(self._run.secrets / f"{_KEY}.lock"):
            key = await self._master.unwrap(self._wrapped(), _CONTEXT)
            self._keep(await self._master.wrap(key, _CONTEXT))
        return 1

    @property
    def _wrapped_file(self) -> Path:
        return self._run.secrets / _KEY

    def _opened(self) -> FileVault:
        file = self._run.secrets / _FILE
        if not self._wrapped_file.exists():
            if not file.exists():
                return FileVault(file, " " * 32)
            raise TerminalError(
                "the key of the installation's secrets is missing",
                where=str(self._wrapped_file),
                next_step="restore this file from a copy of the run folder",
            )
        key = _now(self._master.unwrap(self._wrapped(), _CONTEXT))
        return FileVault(file, base64.b64encode(key).decode())

    def _wrapped(self) -> Wrapped:
        raw = json.loads(self._run.secret(_KEY))
        return Wrapped(str(raw["master"]), str(raw["wrapped"]))

    def _keep(self, wrapped: Wrapped) -> None:
        self._run.write_secret(_KEY, json.dumps({"master": wrapped.master, "wrapped": wrapped.text}))


def _now(work: Coroutine[Any, Any, Result]) -> Result:
    """Do it now, also where a loop runs already: a lake is opened from both sides."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()
