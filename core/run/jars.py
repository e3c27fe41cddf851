"""Java programs of this machine: their jars as Maven resolves them through its own configuration, kept in a cache."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from core.errors import TerminalError

_DEPENDENCY = "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version>{}</dependency>"
_WHOLE = (
    "<classifier>{}</classifier>"
    "<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>"
)
"""A jar with a classifier, such as `exec`, holds all it needs."""
_POM = """<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId><artifactId>jars</artifactId><version>1</version>
  <dependencies>
    {}
  </dependencies>
</project>
"""


class JarsUnavailableError(TerminalError):
    """This machine cannot run it: Java or Maven is missing, or the jars cannot be fetched."""


def jars(name: str, artifacts: Sequence[str]) -> Path:
    """The folder with the jars of a program and of all they need, fetched the first time.

    Args:
        name: of the folder in the cache, with the version: what is there under this name is not fetched again.
        artifacts: `group:artifact:version` each, or `group:artifact:version:classifier` for a jar that holds all it
            needs.

    Raises:
        JarsUnavailableError: no Java, no Maven, or Maven's registry does not answer.
    """
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            raise JarsUnavailableError(f"`{program}` is not on this machine", next_step=f"install {program}")
    folder = Path.home() / ".cache" / "goldlayer" / name
    if (folder / "complete").exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="jars-") as work:
        fetched = Path(work, "jars")
        _fetch(artifacts, Path(work, "pom.xml"), fetched)
        (fetched / "complete").touch()
        try:
            fetched.rename(folder)
        except OSError:  # another process was quicker
            if not (folder / "complete").exists():
                raise
    return folder


def _fetch(artifacts: Sequence[str], pom: Path, folder: Path) -> None:
    pom.write_text(_POM.format("\n    ".join(_dependency(*one.split(":")) for one in artifacts)))
    command = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies"]
    command += [f"-DoutputDirectory={folder}", "-DincludeScope=runtime"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  fixed arguments
    if done.returncode != 0:
        raise JarsUnavailableError("Maven cannot fetch the jars", received=_first_error(done.stdout))


def _dependency(group: str, artifact: str, version: str, classifier: str | None = None) -> str:
    return _DEPENDENCY.format(group, artifact, version, _WHOLE.format(classifier) if classifier else "")


def _first_error(output: str) -> str:
    # The line may name the machine's own registry, which is nobody's business: keep what comes before it.
    line = next((line for line in output.splitlines() if "ERROR" in line), "no reason given")
    return line.split("http", 1)[0].strip()[:200]
