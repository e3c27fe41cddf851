"""Heads of the chains, kept in the run folder: a chain cut off at its end is otherwise a valid, shorter one."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path
from uuid import UUID

from core.errors import TerminalError


class Heads:
    """One small file a chain, `audit/<id>.head`, holding position and hash of its newest record."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def export(self, chain: UUID, seq: int, mac: str) -> None:
        """Note a head, unless a newer one is noted already."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        fd = os.open(self._file(chain), os.O_RDWR | os.O_CREAT, 0o600)
        with os.fdopen(fd, "r+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            known = file.read()
            if known and json.loads(known)["seq"] >= seq:
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
        try:
            head = json.loads(self._file(chain).read_text(encoding="utf-8"))
            return int(head["seq"]), str(head["mac"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise TerminalError("exported audit head cannot be read", where=str(self._file(chain))) from error

    def adopt(self, slug: str, chain: UUID) -> None:
        """Take over the head of a tenant that was noted under its slug, as heads once were."""
        old = self._folder / f"{slug}.head"
        if old.exists() and not self._file(chain).exists():
            old.rename(self._file(chain))

    def chains(self) -> set[UUID]:
        """Every chain a head was noted of, also of tenants that are gone."""
        return {UUID(file.stem) for file in self._folder.glob(f"{'?' * 8}-{'?' * 4}-*.head")}

    def _file(self, chain: UUID) -> Path:
        return self._folder / f"{chain}.head"
