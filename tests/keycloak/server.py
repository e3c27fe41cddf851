"""A real Keycloak on this machine, for tests: Maven fetches it once, and its prepared realm starts in seconds.

The unpacked server and the database with the realm in it are kept in a cache; every run works on a copy.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import httpx

from core.run.bound import bound_to_us
from core.run.ports import free_port

VERSION = "26.4.0"
REALM = Path(__file__).with_name("realm.json")
_CACHE = Path.home() / ".cache" / "goldlayer"
_READY_WITHIN_S = 300.0
_PARTS = ("lib", "conf", "providers", "themes")
_JAVA = (
    *("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-Xms64m", "-Xmx512m"),
    "-Djava.util.concurrent.ForkJoinPool.common.threadFactory="
    "io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory",
    *(f"--add-opens=java.base/java.{part}=ALL-UNNAMED" for part in ("util", "util.concurrent", "security")),
    "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
    "-Dpicocli.disable.closures=true",
    "-Dkc.config.built=true",
)


class KeycloakUnavailableError(Exception):
    """This machine cannot run it: Java or Maven is missing, or the server cannot be fetched."""


@contextmanager
def running() -> Generator[str]:
    """The realm's issuer, while the server runs.

    Raises:
        KeycloakUnavailableError: this machine cannot run it.
    """
    prepared = _prepared(_distribution())
    with tempfile.TemporaryDirectory(prefix="goldlayer-keycloak-") as home, _server(Path(home), prepared) as issuer:
        yield issuer


def _distribution() -> Path:
    """The unpacked server, built for the database it uses."""
    for program in ("java", "mvn"):
        if shutil.which(program) is None:
            raise KeycloakUnavailableError(f"`{program}` is not on this machine")
    return _made(_CACHE / f"keycloak-{VERSION}", _fetch)


def _fetch(work: Path) -> None:
    artifact = f"org.keycloak:keycloak-quarkus-dist:{VERSION}:zip"
    command = ["mvn", "-q", "-B", "dependency:copy", f"-Dartifact={artifact}", f"-DoutputDirectory={work}"]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        raise KeycloakUnavailableError("Maven cannot fetch it")
    archive = next(work.glob("*.zip"))
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(work)
    archive.unlink()
    unpacked = next(work.iterdir())
    for part in unpacked.iterdir():
        part.rename(work / part.name)
    unpacked.rmdir()
    subprocess.run(["sh", str(work / "bin" / "kc.sh"), "build", "--db=dev-file"], capture_output=True, check=True)


def _prepared(distribution: Path) -> Path:
    """A copy of the server's parts with a database that has the realm in it."""
    digest = hashlib.sha256(REALM.read_bytes()).hexdigest()[:16]

    def prepare(work: Path) -> None:
        for part in _PARTS:
            (work / part).symlink_to(distribution / part)
        (work / "data" / "import").mkdir(parents=True)
        shutil.copy(REALM, work / "data" / "import")
        with _started(work, "--import-realm"):
            pass

    return _made(_CACHE / f"keycloak-{VERSION}-{digest}", prepare)


def _made(folder: Path, make: Callable[[Path], None]) -> Path:
    """A folder of the cache, made by the first who asks and never seen half-made."""
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=folder.parent, prefix="keycloak-"))
    try:
        make(work)
        work.rename(folder)
    except OSError:  # Another process was quicker.
        if not folder.exists():
            raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder


@contextmanager
def _server(home: Path, prepared: Path) -> Generator[str]:
    shutil.copytree(prepared, home, symlinks=True, dirs_exist_ok=True)
    with _started(home) as issuer:
        yield issuer


@contextmanager
def _started(home: Path, *more: str) -> Generator[str]:
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    issuer = f"{base}/realms/plant"
    command = ["java", *_JAVA, f"-Dkc.home.dir={home}", f"-Djboss.server.config.dir={home / 'conf'}"]
    command += ["-cp", str(home / "lib" / "quarkus-run.jar"), "io.quarkus.bootstrap.runner.QuarkusEntryPoint"]
    command += ["start", "--optimized", "--http-enabled=true", "--http-host=127.0.0.1", f"--http-port={port}"]
    command += [f"--hostname={base}", "--cache=local", *more]
    log = home / "keycloak.log"
    with log.open("wb") as output:
        process = subprocess.Popen(bound_to_us(command), stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        _wait(process, issuer, log)
        yield issuer
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], issuer: str, log: Path) -> None:
    end = time.monotonic() + _READY_WITHIN_S
    with httpx.Client(trust_env=False, timeout=5) as client:
        while True:
            try:
                if client.get(f"{issuer}/.well-known/openid-configuration").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"Keycloak does not start: {log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.1)
