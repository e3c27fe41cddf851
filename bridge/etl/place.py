"""Where a pipeline's paths lead: the site owner's own may name any folder, one that was sent stays inside."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError


@dataclass(frozen=True, slots=True)
class Place:
    """A root for relative paths.

    Attributes:
        root: folder that relative paths start at.
        free: whether a path may leave it.
    """

    root: Path
    free: bool

    def resolve(self, path: str) -> Path:
        """The path in full.

        Raises:
            InputError: it leaves the root, and may not.
        """
        full = (self.root / path).resolve()
        if not self.free and not full.is_relative_to(self.root.resolve()):
            raise InputError(
                "a pipeline that was sent to this site may not leave its folder",
                expected=f"a path inside {self.root}",
                received=path,
                next_step="correct the pipeline in its package",
            )
        return full
