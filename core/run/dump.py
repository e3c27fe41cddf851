"""PostgreSQL's own programs for taking a database out and bringing one in."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from core.errors import TerminalError
from core.run.cluster import binaries

_NOT_THE_TENANT_S = re.compile(r" (EXTENSION|SCHEMA) - |COMMENT - (EXTENSION|SCHEMA public)| pg_catalog ")
_OWN_SCHEMA = re.compile(r" SCHEMA - (?!public )")


def dump(dsn: str, file: Path, *, snapshot: str) -> None:
    """Write a database into a file, in PostgreSQL's custom format.

    Args:
        dsn: of a role that may read everything in it.
        file: to write.
        snapshot: an exported snapshot, so that the file holds what its holder counted.

    Raises:
        TerminalError: pg_dump refuses, for example because the server is newer than it is.
    """
    _run("pg_dump", dsn, "--format=custom", f"--snapshot={snapshot}", f"--file={file}")


def restore(dsn: str, file: Path) -> None:
    """Bring a dumped database into an empty one, all or nothing, as a role with no more rights than a tenant has.

    Owners and rights are those of the role that restores; what only a superuser could bring is there by the template.

    Raises:
        TerminalError: pg_restore refuses.
    """
    listed = _run("pg_restore", None, "--list", str(file)).splitlines()
    wanted = [line for line in listed if _OWN_SCHEMA.search(line) or not _NOT_THE_TENANT_S.search(line)]
    with tempfile.NamedTemporaryFile("w", suffix=".list") as chosen:
        chosen.write("\n".join(wanted) + "\n")
        chosen.flush()
        options = ("--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction")
        _run("pg_restore", dsn, *options, f"--use-list={chosen.name}", str(file))


def _run(program: str, dsn: str | None, *arguments: str) -> str:
    environment = {"PATH": os.defpath, "LC_ALL": "C"}
    where: list[str] = []
    if dsn is not None:
        url = urlsplit(dsn)
        user, _, address = url.netloc.rpartition("@")
        name, _, password = user.partition(":")
        # Whoever lists processes sees arguments, not the environment.
        where = [f"--dbname={urlunsplit(url._replace(netloc=f'{name}@{address}'))}"]
        environment["PGPASSWORD"] = unquote(password)
    command = [str(binaries(None) / program), "--no-password", *where, *arguments]
    if dsn is None:
        command.remove("--no-password")
    done = subprocess.run(  # noqa: S603  PostgreSQL's own programs, our own arguments
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise TerminalError(f"{program} refuses", received=done.stderr.strip()[-800:])
    return done.stdout
