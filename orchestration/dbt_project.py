"""Where the dbt project lies, and its manifest: the only place that knows.

In the source tree it is the folder `dbt/` beside this package; in a wheel it is `dbt_project/` inside it, because a
top-level `dbt/` among the installed packages would hide dbt's own.
"""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

from core.errors import TerminalError

_HERE = Path(__file__).resolve().parent
_PLACES = (_HERE.parent / "dbt", _HERE / "dbt_project")
_CACHE = Path(".cache", "goldlayer", "marts")
"""Below the user's home, one folder for each content of the project; the project itself may be read-only."""
_PARTS = ("*.yml", "models/**/*", "macros/**/*", "tests/**/*")


def project_dir() -> Path:
    """The folder that holds `dbt_project.yml`.

    Raises:
        TerminalError: it is in neither place.
    """
    for place in _PLACES:
        if (place / "dbt_project.yml").is_file():
            return place
    raise TerminalError(
        "the dbt project is missing",
        expected=" or ".join(str(place) for place in _PLACES),
        next_step="install the package again",
    )


def manifest() -> Path:
    """The project's `manifest.json`, parsed anew when a file of the project changed; needs no database.

    Raises:
        TerminalError: dbt cannot parse the project, or the user's cache cannot be written.
    """
    project = project_dir()
    target = Path.home() / _CACHE / _fingerprint(project)
    found = target / "manifest.json"
    if not found.is_file():
        _parse(project, target)
    return found


def _fingerprint(project: Path) -> str:
    from importlib.metadata import version

    digest = hashlib.sha256(version("dbt-core").encode())
    for path in sorted({path for part in _PARTS for path in project.glob(part) if path.is_file()}):
        digest.update(path.relative_to(project).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _parse(project: Path, target: Path) -> None:
    """Parse into a folder beside the target and move it there whole: two processes may do so at the same time."""
    from dbt.cli.main import dbtRunner

    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TerminalError(
            "no place for what dbt parses",
            received=error.strerror,
            where=str(target.parent),
            next_step="give this user a home folder that can be written, or name one in HOME",
        ) from error
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="parsing-") as scratch:
        built = Path(scratch) / "target"
        result = dbtRunner().invoke(
            [
                *("--quiet", "--log-level-file", "none", "parse", "--no-partial-parse"),
                *("--project-dir", str(project), "--profiles-dir", str(project)),
                *("--target-path", str(built), "--log-path", str(Path(scratch) / "logs")),
            ]
        )
        if not result.success:
            raise TerminalError(
                "the dbt project cannot be parsed",
                received=str(result.exception) if result.exception else None,
                where=str(project),
                next_step="run `dbt parse` there",
            )
        try:
            built.rename(target)
        except OSError:  # another process was first; its manifest is the same
            if not (target / "manifest.json").is_file():
                raise
