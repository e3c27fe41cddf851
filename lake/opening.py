"""The door to an installation's lake: the root by setting, the store's options checked, its secrets from the vault."""

from __future__ import annotations

from pathlib import Path

from core.db.roles import APP, PLATFORM
from core.run.folder import RunFolder
from core.run.postgres import Postgres
from core.settings import Settings
from core.vault.installation import InstallationVault
from lake.storage import Storage, checked_root, kind_of, storage_of
from lake.store import Lake
from lake.turns import ProvenTurns

SECRETS = "lake"
"""Folder of the installation's vault in which the store's secrets are."""

_TURNS: dict[tuple[str, str, Path], ProvenTurns] = {}
"""Of this process, by store and run folder: however often it opens its lake, it is one writer."""


def storage_by_settings(run: RunFolder, settings: Settings) -> Storage:
    """Where the lake of an installation is.

    Raises:
        InputError: root, options and secrets do not fit together.
        TerminalError: the vault does not open.
    """
    root = checked_root(run.lake_root(settings))
    secrets = {} if kind_of(root) is None else InstallationVault.by_settings(run, settings).within(SECRETS)
    return storage_of(root, settings.lake.options, secrets)


def open_lake(run: RunFolder, settings: Settings) -> Lake:
    """The lake of an installation; dials nothing.

    Raises:
        InputError: root, options and secrets do not fit together.
        TerminalError: the vault does not open.
    """
    storage = storage_by_settings(run, settings)
    made = ProvenTurns(storage, proof_of(run), lambda: Postgres(run, settings).dsn(PLATFORM, APP))
    turns = _TURNS.setdefault((storage.root, storage.endpoint, run.path), made)
    return Lake(storage.root, storage.revealed(), checkpoint_every=settings.lake.checkpoint_every, turns=turns)


def proof_of(run: RunFolder) -> Path:
    """Where this machine remembers how the last race on the lake's store went."""
    return run.path / "lake-race.json"
