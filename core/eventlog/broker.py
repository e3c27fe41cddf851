"""A throw-away Apache Kafka on this machine: one KRaft node for tests, benchmarks and trials."""

from __future__ import annotations

import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

from core.errors import TransientError
from core.run.bound import bound_to_us
from core.run.jars import jars
from core.run.ports import accepts, free_port

VERSION = "4.1.0"
_READY_WITHIN_S = 60.0
_JARS = (f"org.apache.kafka:kafka_2.13:{VERSION}", "org.apache.logging.log4j:log4j-slf4j-impl:2.25.1")
_LOGGING = """<Configuration status="error">
  <Appenders><Console name="console" target="SYSTEM_ERR"><PatternLayout pattern="%p %c{1}: %m%n"/></Console></Appenders>
  <Loggers><Root level="error"><AppenderRef ref="console"/></Root></Loggers>
</Configuration>
"""
_LIGHT = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


class LocalBroker:
    """A broker for a `with` block; its records outlive `kill` and `start`, not a temporary folder.

    Args:
        folder: where it keeps its data; a temporary folder if unset.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._temporary = None if folder else tempfile.TemporaryDirectory(prefix="goldlayer-kafka-")
        self._folder = folder or Path(self._temporary.name if self._temporary else "")
        self._process: subprocess.Popen[bytes] | None = None
        self._port = free_port()
        self._controller_port = free_port({self._port})

    @property
    def bootstrap(self) -> str:
        """What a client dials, `HOST:PORT`."""
        return f"127.0.0.1:{self._port}"

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process else None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        if self._temporary is not None:
            self._temporary.cleanup()

    def start(self) -> None:
        """Start it, formatting its folder the first time; returns when it takes connections.

        Raises:
            JarsUnavailableError: this machine cannot run it.
            TransientError: it did not come up.
        """
        classpath = f"{jars(f'kafka-{VERSION}', _JARS)}/*"
        properties = self._configure()
        if not (self._folder / "data" / "meta.properties").exists():
            self._format(classpath, properties)
        log = self._folder / "broker.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603  our own arguments
                bound_to_us([*self._java(classpath), "kafka.Kafka", str(properties)]),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        end = time.monotonic() + _READY_WITHIN_S
        while not accepts(self._port):
            if self._process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise TransientError(
                    "Apache Kafka does not start", received=log.read_text(errors="replace")[-500:], where=str(log)
                )
            time.sleep(0.05)

    def stop(self) -> None:
        """Shut it down in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _configure(self) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "log4j2.xml").write_text(_LOGGING)
        settings = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller_port}",
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://127.0.0.1:{self._controller_port}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": self._folder / "data",
            "offsets.topic.replication.factor": 1,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
            "auto.create.topics.enable": "false",
            # A broker that was killed is let back in when its old session has run out: seconds, not the default's nine.
            "broker.session.timeout.ms": 1500,
            "broker.heartbeat.interval.ms": 300,
        }
        file = self._folder / "server.properties"
        file.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        return file

    def _format(self, classpath: str, properties: Path) -> None:
        tool = [*self._java(classpath), "kafka.tools.StorageTool"]
        identity = subprocess.run([*tool, "random-uuid"], capture_output=True, text=True, check=True)  # noqa: S603
        subprocess.run(  # noqa: S603
            [*tool, "format", "-t", identity.stdout.strip(), "-c", str(properties)], capture_output=True, check=True
        )

    def _java(self, classpath: str) -> list[str]:
        return ["java", *_LIGHT, f"-Dlog4j2.configurationFile=file:{self._folder}/log4j2.xml", "-cp", classpath]
