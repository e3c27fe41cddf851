"""A real S3 endpoint on this machine, for tests: Maven fetches it once. It lets several conditional puts win."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

from core.errors import TransientError
from core.run.bound import bound_to_us
from core.run.jars import jars
from core.run.ports import free_port

VERSION = "4.0.0"
BUCKET = "goldlayer"
_READY_WITHIN_S = 300.0
_LIGHT = ("-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


@contextmanager
def running() -> Generator[str]:
    """The endpoint's address, while it runs with one bucket, `BUCKET`.

    Raises:
        JarsUnavailableError: this machine cannot run it.
    """
    jar = jars(f"s3mock-{VERSION}", (f"com.adobe.testing:s3mock:{VERSION}:exec",)) / f"s3mock-{VERSION}-exec.jar"
    port = free_port()
    words = ["--server.address=127.0.0.1", f"--server.port={free_port({port})}"]
    words += [f"--com.adobe.testing.s3mock.httpPort={port}"]
    with tempfile.TemporaryDirectory(prefix="goldlayer-s3mock-") as folder, Path(folder, "log").open("wb") as log:
        words += [f"--com.adobe.testing.s3mock.root={folder}/store"]
        process = subprocess.Popen(
            bound_to_us(["java", *_LIGHT, f"-Djava.io.tmpdir={folder}", "-jar", str(jar), *words]),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            _until_ready(process, f"http://127.0.0.1:{port}/{BUCKET}", Path(folder, "log"))
            yield f"http://127.0.0.1:{port}"
        finally:
            # It closes its store in an orderly way, which may take for ever; what is in it goes with the folder.
            process.kill()
            process.wait()


def _until_ready(process: subprocess.Popen[bytes], bucket: str, log: Path) -> None:
    """Make the bucket as soon as the port takes connections."""
    end = time.monotonic() + _READY_WITHIN_S
    while True:
        try:
            urlopen(Request(bucket, method="PUT")).close()
        except (URLError, OSError) as error:
            if process.poll() is not None or time.monotonic() > end:
                said = log.read_text(errors="replace")[-500:]
                raise TransientError("S3Mock does not start", received=said) from error
            time.sleep(0.1)
        else:
            return
