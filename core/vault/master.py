"""The master key: wraps the tenants' data keys and never touches a secret itself."""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from typing import Protocol

from core.errors import TerminalError
from core.run.folder import RunFolder
from core.settings import Settings
from core.vault.sealing import derive, seal, unseal

_CURRENT, _PREVIOUS = "vault_master", "vault_master_previous"


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A data key under a master key.

    Attributes:
        master: which one, `<scheme>:<id>`.
        text: what only that master key opens.
    """

    master: str
    text: str


class MasterKey(Protocol):
    """A key that stays where it is: keys go to it, it never comes to us.

    `context` says whose data key it is and comes back unchanged when it is unwrapped; a wrap under another context
    must not open.
    """

    @property
    def scheme(self) -> str: ...
    async def wrap(self, key: bytes, context: str) -> Wrapped: ...
    async def unwrap(self, wrapped: Wrapped, context: str) -> bytes: ...
    async def rotate(self) -> None:
        """Wrap under a new key from now on; what the old one wrapped still opens. Goes on with one that was begun."""
        ...

    async def retire(self) -> None:
        """End a rotation: nothing is wrapped under the old key any more."""
        ...


class FileMasterKey:
    """The default: random text in the run folder's secrets, and the one before while a rotation is under way."""

    scheme = "file"

    def __init__(self, run: RunFolder) -> None:
        self._run = run

    async def wrap(self, key: bytes, context: str) -> Wrapped:
        """Seal a data key under the current text; read anew, because another process may have rotated."""
        text = self._run.secret(_CURRENT)
        return Wrapped(_id_of(text), seal(_key_of(text), context, base64.b64encode(key).decode()))

    async def unwrap(self, wrapped: Wrapped, context: str) -> bytes:
        """Open a data key.

        Raises:
            TerminalError: no key here wrapped it, or it was changed.
        """
        for text in self._texts():
            if _id_of(text) == wrapped.master:
                opened = unseal(_key_of(text), context, wrapped.text)
                if opened is None:
                    raise _changed(wrapped.master, context)
                return base64.b64decode(opened)
        raise TerminalError(
            "the master key that wrapped a tenant's data key is not here",
            expected=wrapped.master,
            where=str(self._run.secrets / _CURRENT),
            next_step="restore this file from a copy of the run folder",
        )

    async def rotate(self) -> None:
        """Keep the text as the previous one and make a new one."""
        texts = self._texts()
        if len(set(texts)) < 2:  # Two different ones: a rotation was begun and goes on with the newer.
            self._run.write_secret(_PREVIOUS, self._run.secret(_CURRENT))
            self._run.write_secret(_CURRENT, secrets.token_urlsafe(32))

    async def retire(self) -> None:
        """Forget the previous text."""
        (self._run.secrets / _PREVIOUS).unlink(missing_ok=True)

    def _texts(self) -> list[str]:
        files = [self._run.secrets / name for name in (_CURRENT, _PREVIOUS)]
        return [file.read_text(encoding="utf-8") for file in files if file.exists()]


class MasterKeys:
    """The master key in use, and those of other schemes that older wraps may need.

    Moving from one scheme to another is a rotation: it wraps every data key anew under the one in use.
    """

    def __init__(self, current: MasterKey, *others: MasterKey) -> None:
        self.current = current
        self._by_scheme = {key.scheme: key for key in (current, *others)}

    @classmethod
    def by_settings(cls, run: RunFolder, settings: Settings) -> MasterKeys:
        """The command if one is set, else the run folder's file."""
        file = FileMasterKey(run)
        if settings.vault.command is None:
            return cls(file)
        from core.vault.command import CommandMasterKey

        return cls(CommandMasterKey(settings.vault.command, settings.vault.command_timeout_s), file)

    async def wrap(self, key: bytes, context: str) -> Wrapped:
        """Wrap under the one in use."""
        return await self.current.wrap(key, context)

    async def unwrap(self, wrapped: Wrapped, context: str) -> bytes:
        """Unwrap by whichever wrapped it.

        Raises:
            TerminalError: that one is not configured, or it refuses.
        """
        scheme = wrapped.master.partition(":")[0]
        if scheme not in self._by_scheme:
            raise TerminalError(
                "a tenant's data key is wrapped by a master key that is not configured",
                expected=wrapped.master,
                next_step="set GOLDLAYER_VAULT__COMMAND again" if scheme == "command" else None,
            )
        return await self._by_scheme[scheme].unwrap(wrapped, context)


def _changed(master: str, context: str) -> TerminalError:
    return TerminalError(
        "a tenant's wrapped data key was changed, or belongs to another tenant",
        received=context,
        where=master,
        next_step="restore the platform database from a copy",
    )


def _key_of(text: str) -> bytes:
    return derive(text, b"", b"goldlayer vault master key")


def _id_of(text: str) -> str:
    # Derived beside the key, so that the name of a key tells nothing of it.
    return f"file:{derive(text, b'', b'goldlayer vault master key id')[:8].hex()}"
