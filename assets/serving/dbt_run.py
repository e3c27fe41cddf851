"""One invocation of dbt on one tenant's database, in this process.

A process of its own would spend six seconds on imports for every tenant. dbt takes the address from the process
environment, so one tenant at a time: the lock holds for the process, and runs of other tenants are other processes.
"""

import os
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from assets.serving.parsed import parsed_for
from core.errors import TerminalError

Event = dict[str, Any]
_ONE_AT_A_TIME = threading.Lock()
_AGES = ("pass", "warn", "error")


@dataclass(frozen=True, slots=True)
class DbtProjectFiles:
    """Where the project lies and what was parsed from it.

    Attributes:
        folder: holds `dbt_project.yml` and `profiles.yml`.
        manifest: `manifest.json` of exactly these files, beside the rest of what was parsed from them.
    """

    folder: Path
    manifest: Path


@dataclass(frozen=True, slots=True)
class DbtOutcome:
    """What dbt reported.

    Attributes:
        events: its structured events, in order.
        failures: nodes that failed, with dbt's message; skipped ones are not among them.
    """

    events: list[Event]
    failures: list[str]


@dataclass(frozen=True, slots=True)
class SourceAge:
    """How old a source is.

    Attributes:
        name: of the table.
        status: `pass`, `warn` or `error`, by the project's thresholds.
        at: when it was loaded last; None if never.
        hours: since then.
    """

    name: str
    status: str
    at: datetime | None
    hours: float


def build(
    project: DbtProjectFiles, dsn: str, scratch: Path, selection: Sequence[str], indirect: str | None = None
) -> DbtOutcome:
    """Build and test the selected models in the database that `dsn` names.

    Args:
        project: which project.
        dsn: the tenant's database; its password reaches dbt through a variable that dbt blanks in its logs.
        scratch: folder for compiled SQL and dbt's log; one a tenant.
        selection: arguments that select nodes, `--select`, `--exclude`.
        indirect: dbt's `--indirect-selection`; None leaves dbt's own.

    Raises:
        TerminalError: dbt could not start its work; failing nodes are in the outcome instead.
    """
    arguments = ["build", *selection, *(["--indirect-selection", indirect] if indirect else [])]
    events, result = _invoke(project, dsn, scratch, arguments)
    failed = [one for one in result.results if one.status in ("error", "fail")]
    return DbtOutcome(events, [f"{one.node.name}: {one.message}" for one in failed])


def source_ages(project: DbtProjectFiles, dsn: str, scratch: Path) -> list[SourceAge]:
    """How long ago each source of the project was loaded, by what `sources.yml` says of it.

    Raises:
        TerminalError: dbt could not look; arguments as of `build`.
    """
    _, result = _invoke(project, dsn, scratch, ["source", "freshness"])
    unknown = [f"{one.node.name}: {one.message}" for one in result.results if one.status not in _AGES]
    if unknown:
        raise TerminalError("dbt cannot tell how old its sources are", received="; ".join(unknown))
    return [_age(one) for one in result.results]


def _age(found: Any) -> SourceAge:
    at = found.max_loaded_at
    # What was never loaded has dbt's earliest time.
    return SourceAge(found.node.name, str(found.status), None if at.year == 1 else at, found.age / 3600)


def _invoke(project: DbtProjectFiles, dsn: str, scratch: Path, command: Sequence[str]) -> tuple[list[Event], Any]:
    """Events and result of a command of dbt."""
    from dbt.cli.main import dbtRunner
    from dbt_common.events.functions import msg_to_dict

    events: list[Event] = []
    arguments = ["--log-level", "none", "--log-level-file", "info", "--log-format-file", "json", *command]
    arguments += ["--project-dir", str(project.folder), "--profiles-dir", str(project.folder)]
    arguments += ["--target-path", str(scratch / "target"), "--log-path", str(scratch / "logs")]
    variables = _variables(dsn)
    manifest = parsed_for(project.manifest.parent, variables["TENANT_DB_NAME"])
    with _ONE_AT_A_TIME, _environment(variables):
        result = dbtRunner(manifest, callbacks=[lambda event: events.append(msg_to_dict(event))]).invoke(arguments)
    if result.result is None:
        raise TerminalError(
            "dbt did not run",
            received=str(result.exception) if result.exception else None,
            where=str(project.folder),
            next_step=f"read {scratch / 'logs' / 'dbt.log'}",
        )
    return events, result.result


def _variables(dsn: str) -> dict[str, str]:
    """What `profiles.yml` reads."""
    parts = urlsplit(dsn)
    return {
        "TENANT_DB_HOST": parts.hostname or "127.0.0.1",
        "TENANT_DB_PORT": str(parts.port or 5432),
        "TENANT_DB_NAME": unquote(parts.path.lstrip("/")),
        "TENANT_DB_USER": unquote(parts.username or ""),
        "DBT_ENV_SECRET_TENANT_DB_PASSWORD": unquote(parts.password or ""),
    }


@contextmanager
def _environment(variables: Mapping[str, str]) -> Generator[None]:
    """The process environment with these variables, as it was afterwards."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
