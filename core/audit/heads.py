"""Heads of the chains, kept in the run folder: a chain cut off at its end is otherwise a valid, shorter one."""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from core.errors import TerminalError

_CHAIN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Heads:
    """One small file a chain, `audit/<id>.head`, holding position and hash of its newest record."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def export(self, chain: UUID, seq: int, mac: str) -> None:
        """Note a head, unless a newer one is noted already.

        Raises:
            TerminalError: what is noted cannot be read: somebody has to look before it is replaced.
            OSError: the file cannot be written.
        """
        self._folder.mkdir(mode=0o700, exist_ok=True)
        fd = os.open(self._file(chain), os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(fd, "r+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            known = self._parse(chain, file.read)
            if known is not None and known[0] >= seq:
                return
            file.seek(0)
            file.write(json.dumps({"seq": seq, "mac": mac}) + "\n")
            file.truncate()
            file.flush()
            os.fsync(file.fileno())

    def read(self, chain: UUID) -> tuple[int, str] | None:
        """The noted head, or None.

        Raises:
            TerminalError: the file is not what was written.
        """
        return self._parse(chain, lambda: self._file(chain).read_text(encoding="utf-8"))

    def _parse(self, chain: UUID, read: Callable[[], str]) -> tuple[int, str] | None:
        try:
            text = read()
            if not text:  # Cut off between making the file and writing it.
                return None
            head = json.loads(text)
            return int(head["seq"]), str(head["mac"])
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise TerminalError("the exported head cannot be read", where=str(self._file(chain))) from error

    def adopt(self, slug: str, chain: UUID) -> None:
        """Take over the head of a tenant that was noted under its slug, as heads once were."""
        old = self._folder / f"{slug}.head"
        if old.exists() and not self._file(chain).exists():
            old.rename(self._file(chain))

    def chains(self) -> set[UUID]:
        """Every chain a head was noted of, also of tenants that are gone."""
        names = (file.stem for file in self._folder.glob("*.head"))
        return {UUID(name) for name in names if _CHAIN.fullmatch(name)}

    def _file(self, chain: UUID) -> Path:
        return self._folder / f"{chain}.head"
