"""A master key behind a program: the way to a KMS, an HSM or a secret store, whichever the operator has.

One call is one process. It reads one JSON object from standard input and writes one to standard output; keys are
base64 and never stand in an argument:

    {"operation": "wrap", "context": "...", "key": "..."}                      -> {"master": "id", "wrapped": "..."}
    {"operation": "unwrap", "context": "...", "master": "id", "wrapped": "..."} -> {"key": "..."}
    {"operation": "rotate"} and {"operation": "retire"}                         -> {}

An exit code other than 0 is a refusal. What it writes to standard error is not read: it might hold a key.
"""

from __future__ import annotations

import asyncio
import base64
import json
import shlex
from typing import Any

from core.errors import InputError, TerminalError, TransientError
from core.vault.master import Wrapped


class CommandMasterKey:
    """Asks a program."""

    scheme = "command"

    def __init__(self, command: str, timeout_s: float) -> None:
        """A program and its arguments, split as a shell would, run without one.

        Raises:
            InputError: nothing to run.
        """
        self._argv = shlex.split(command)
        self._timeout_s = timeout_s
        if not self._argv:
            raise InputError("the vault's command is empty", where="GOLDLAYER_VAULT__COMMAND")

    async def wrap(self, key: bytes, context: str) -> Wrapped:
        """Have a data key wrapped."""
        told = await self._call("wrap", context=context, key=base64.b64encode(key).decode())
        return Wrapped(f"{self.scheme}:{self._text(told, 'master')}", self._text(told, "wrapped"))

    async def unwrap(self, wrapped: Wrapped, context: str) -> bytes:
        """Have a data key unwrapped."""
        master = wrapped.master.partition(":")[2]
        told = await self._call("unwrap", context=context, master=master, wrapped=wrapped.text)
        key = base64.b64decode(self._text(told, "key"))
        if len(key) != 32:
            raise TerminalError("the vault's command gave a key of a wrong length", expected="32 bytes")
        return key

    async def rotate(self) -> None:
        """Tell the program to use a new key from now on; one that rotates by itself may ignore it."""
        await self._call("rotate")

    async def retire(self) -> None:
        """Tell the program that nothing is wrapped under older keys any more."""
        await self._call("retire")

    def _text(self, told: dict[str, Any], field: str) -> str:
        value = told.get(field)
        if not isinstance(value, str) or not value:
            raise TerminalError("the vault's command left out a field", expected=field, where=self._argv[0])
        return value

    async def _call(self, operation: str, **fields: str) -> dict[str, Any]:
        asked = json.dumps({"operation": operation, **fields}).encode()
        try:
            process = await asyncio.create_subprocess_exec(
                *self._argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            raise TerminalError(
                "the vault's command cannot be started", received=error.strerror, where=self._argv[0]
            ) from error
        try:
            async with asyncio.timeout(self._timeout_s):
                said, _ = await process.communicate(asked)
        except TimeoutError as error:
            raise TransientError("the vault's command takes too long", where=self._argv[0]) from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            raise TerminalError(
                f"the vault's command refuses to {operation}",
                received=f"exit code {process.returncode}",
                where=self._argv[0],
                next_step="run it by hand with the same input to see why",
            )
        return self._object(said)

    def _object(self, said: bytes) -> dict[str, Any]:
        try:
            told = json.loads(said)
        except ValueError:
            told = None
        if not isinstance(told, dict):
            # Neither the text nor the parser's error: both would quote what may be a key.
            raise TerminalError(
                "the vault's command did not answer in JSON", expected="one object", where=self._argv[0]
            )
        return told
