"""Packages on their way here, piece by piece; what has come stays when the link breaks or the bridge ends."""

from __future__ import annotations

import hashlib
from pathlib import Path
from threading import Lock

from core.contracts.package import PIECE_BYTES
from core.errors import InputError

INCOMING = "incoming"
"""In the home folder."""
_MOST_PARTS = 3
"""Packages that may be on their way at once; the one that has waited longest makes room."""


class Incoming:
    """The parts of a home folder.

    Args:
        home: the folder.
        most_bytes: size of a package beyond which not even the first piece is taken.
    """

    def __init__(self, home: Path, most_bytes: int) -> None:
        self._root, self._most = home / INCOMING, most_bytes
        self._lock = Lock()

    def take(self, sha256: str, size: int, offset: int, piece: bytes) -> int:
        """Keep a piece, if it is the next one.

        Args:
            sha256: of the whole package.
            size: of the whole package, bytes.
            offset: where the piece begins; one that is not next is left, an empty one only asks.
            piece: its bytes.

        Returns:
            Bytes that are here now: where the next piece begins.

        Raises:
            InputError: the package is larger than this bridge takes, or the piece reaches beyond its end.
        """
        if size > self._most:
            raise InputError(
                "package is too large for this bridge",
                expected=f"at most {self._most:,} bytes",
                received=size,
                next_step="make it smaller, or raise GOLDLAYER_BRIDGE__PACKAGE_MAX_BYTES on site",
            )
        if len(piece) > PIECE_BYTES or offset + len(piece) > size:
            raise InputError("not a piece of this package", expected=f"at most {PIECE_BYTES:,} bytes, within its size")
        with self._lock:
            part = self._part(sha256, size)
            have = part.stat().st_size if part.is_file() else 0
            if offset != have or not piece:
                return have
            if not have:
                self._make_room(part)
            with part.open("ab") as out:
                out.write(piece)
            return have + len(piece)

    def whole(self, sha256: str, size: int) -> bytes:
        """A package that is here as a whole, and is what was announced; it is not kept here any longer.

        Raises:
            InputError: pieces are missing, or it is something else: then it has to be sent anew.
        """
        with self._lock:
            part = self._part(sha256, size)
            have = part.stat().st_size if part.is_file() else 0
            if have != size:
                raise InputError("package is not here as a whole", expected=f"{size:,} bytes", received=have)
            try:
                if _digest(part) != sha256:
                    raise InputError("package came damaged", expected=f"SHA-256 {sha256}", next_step="send it again")
                return part.read_bytes()
            finally:
                part.unlink()

    def _part(self, sha256: str, size: int) -> Path:
        return self._root / f"{sha256}.{size}"

    def _make_room(self, part: Path) -> None:
        self._root.mkdir(exist_ok=True)
        others = sorted((one for one in self._root.iterdir() if one != part), key=lambda one: one.stat().st_mtime_ns)
        for one in others[: max(0, len(others) - _MOST_PARTS + 1)]:
            one.unlink()


def _digest(file: Path) -> str:
    with file.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
