"""Fixtures every room uses: real installations, one for each file of tests that writes into one."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from _pytest.terminal import TerminalReporter
from argon2 import PasswordHasher

from core import log
from core.db import Database
from core.identity import passwords
from core.settings import IdentitySettings, PostgresSettings, Settings
from core.tenancy import Tenancy, init_platform
from tests.installation import Installation, opened_installation

if TYPE_CHECKING:
    from core.eventlog.broker import LocalBroker

_NOT_SHOWN = {
    "browser": "the pages count as not shown",
    "kafka": "the road over Kafka counts as not shown",
    "s3": "the lake on a real object store counts as not shown",
    "keycloak": "sign-in through a real identity provider counts as not shown",
}


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What collecting imports stays to the end: the garbage collector need not look at it, then or in any test."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Workers get long tests first: what is handed out last is short, so that none ends long after the others.

    A file's tests share its installation, so one worker runs them all; a group that a file has of its own stays. Tests
    over a broker share that one; those of the whole road start one of their own.
    """
    for item in items:
        if item.get_closest_marker("xdist_group") is not None:
            continue
        if "prepared" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
        elif item.get_closest_marker("kafka") is not None and item.get_closest_marker("end_to_end") is None:
            item.add_marker(pytest.mark.xdist_group("kafka"))
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    """Say what a green run has not shown because this machine lacks a program, and what the attacks came to."""
    for marker, meaning in _NOT_SHOWN.items():
        skipped = [one for one in terminalreporter.getreports("skipped") if marker in one.keywords]
        if skipped:
            reason = str(skipped[0].longrepr[2]).removeprefix("Skipped: ")
            terminalreporter.write_line(f"{meaning}: {len(skipped)} tests skipped, {reason}", yellow=True)
    if not _only_isolation(terminalreporter):
        _say_isolation(terminalreporter)


def pytest_unconfigure(config: pytest.Config) -> None:
    """`pytest tests/isolation` ends with what it is run for; any other run with pytest's own closing line."""
    gc.unfreeze()
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if isinstance(reporter, TerminalReporter) and _only_isolation(reporter):
        _say_isolation(reporter)


def _only_isolation(terminalreporter: TerminalReporter) -> bool:
    reports = [one for found in terminalreporter.stats.values() for one in found if hasattr(one, "nodeid")]
    return bool(reports) and all(one.nodeid.startswith("tests/isolation/") for one in reports)


def _say_isolation(terminalreporter: TerminalReporter) -> None:
    """How much was tried as one tenant to see another; workers send it along with their reports."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    counted = [value for one in reports for name, value in one.user_properties if name == "isolation"]
    if counted:
        attempts, pairs, leaks = (sum(column) for column in zip(*counted, strict=True))
        terminalreporter.write_line(f"{pairs} pairs of door and technique")
        terminalreporter.write_line(f"isolation: {attempts} attempts, {leaks} leaks", red=leaks > 0)


PATIENT = dict.fromkeys(
    ("failures_per_account_minute", "failures_per_address_and_tenant_minute", "failures_per_address_minute"), 1_000_000
)
"""As if failing cost nothing; what it costs has tests of its own."""


@pytest.fixture(scope="session", autouse=True)
def product_hasher() -> Iterator[Callable[[], PasswordHasher]]:
    """The product's own hasher, for tests of what it costs. All others get one that does the least work Argon2 can be
    asked for: a hash is slow on purpose, and tests make hundreds in this process."""
    own, least = passwords._hasher, PasswordHasher(time_cost=1, memory_cost=256, parallelism=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "_hasher", lambda: least)
        yield own


@pytest.fixture(autouse=True)
def logging_as_a_service() -> None:
    """Every test begins with the log of a service, JSON lines, whatever a command of the test before it chose."""
    log.configure()


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A temporary folder PostgreSQL's own account can reach, which pytest's `tmp_path` is not when started as root."""
    folder = Path(tempfile.mkdtemp(prefix="goldlayer-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def run_settings() -> Settings:
    """Settings of a test installation: its server need not survive a power cut, and one address tries everything."""
    return Settings(postgres=PostgresSettings(durable=False), identity=IdentitySettings(**PATIENT))


@pytest.fixture(scope="session")
def installation(run_settings: Settings) -> Iterator[Installation]:
    """One installation a session (and xdist worker), PostgreSQL up; its databases are the tests' to make."""
    with opened_installation(run_settings) as opened:
        yield opened


@pytest.fixture(scope="session")
def broker() -> Iterator[LocalBroker]:
    """A running broker of Apache Kafka; tests that use it share a worker, to start it once.

    Skips where this machine cannot have one.
    """
    from core.eventlog.broker import LocalBroker
    from core.run.jars import JarsUnavailableError

    with contextlib.ExitStack() as stack:
        try:
            running = stack.enter_context(LocalBroker())
        except JarsUnavailableError as error:
            pytest.skip(f"no Apache Kafka on this machine: {error}")
        yield running


@pytest.fixture(scope="session")
def keycloak() -> Iterator[str]:
    """Issuer of a realm with people and clients, on a real server; tests that use it share a worker, to start it once.

    Skips where this machine cannot have one.
    """
    from tests.keycloak.server import KeycloakUnavailableError, running

    with contextlib.ExitStack() as stack:
        try:
            issuer = stack.enter_context(running())
        except KeycloakUnavailableError as error:
            pytest.skip(f"no Keycloak on this machine: {error}")
        yield issuer


@pytest.fixture(scope="session")
def template(run_settings: Settings) -> Iterator[Path]:
    """The run folder of an installation after `platform init`, its PostgreSQL down, to be copied."""
    with opened_installation(run_settings) as opened:
        asyncio.run(init_platform(opened.run, opened.postgres, opened.settings))
        opened.postgres.stop()
        yield opened.run.path


@pytest.fixture(scope="module")
def prepared(run_settings: Settings, template: Path) -> Iterator[Installation]:
    """An installation after `platform init`, the file's own: what its tests leave there, no other file finds."""
    with opened_installation(run_settings, template) as opened:
        yield opened


@pytest.fixture
async def tenancy(prepared: Installation) -> AsyncIterator[Tenancy]:
    """The tenant registry of the file's installation; tenants stay from test to test, so give yours own slugs."""
    async with await Tenancy.open(prepared.run, prepared.postgres, prepared.settings) as opened:
        yield opened


@pytest.fixture
async def forger(prepared: Installation) -> AsyncIterator[Database]:
    """The platform database as its superuser sees it, with the audit log's trigger switched off meanwhile."""
    async with await Database.open(prepared.postgres.dsn("platform")) as superuser:
        await superuser.execute("alter table audit_log disable trigger audit_log_is_append_only")
        yield superuser
        await superuser.execute("alter table audit_log enable always trigger audit_log_is_append_only")
