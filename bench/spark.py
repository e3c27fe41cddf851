"""The sink, Kafka to committed Delta rows, against Spark Structured Streaming into Delta on the same readings.

Spark has no reader for Arrow IPC, the log's payload, so its topic holds the same batches as JSON, a thousand readings a
record, which `from_json` and `posexplode` open; one reading a record, the usual way, costs it more. Beyond that both
have the same: broker, partitions, keys, columns, local Delta partitioned by date, a promise that nothing lands twice,
two cores, and commits of as many rows: first as the sink makes them by default, then, since Spark would rather have
few, all rows at once. They take turns in one run, both warm; of Spark only the micro-batches count, not the start of
the query. Left out where Java (a JDK) and Maven are missing.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pyarrow as pa
from deltalake import DeltaTable

from bench.claim import Claim
from bench.logs import opened
from bench.sink import BATCH_ROWS, BATCHES, COMMIT_ROWS, LANES, batches, drain, fill
from core.contracts.batch import BatchHeader, unpack
from core.errors import TerminalError
from core.eventlog import EventLog
from core.eventlog.broker import LocalBroker
from core.eventlog.log import Outgoing
from core.log import configure
from core.run.bound import bound_to_us
from core.run.jars import JarsUnavailableError, jars
from ingestion.quarantine import lane_of

TARGET, WARM, PAIRS = 0.2, 2, 3
VERSION = "4.0.0"
_JARS = (
    f"org.apache.spark:spark-sql_2.13:{VERSION}",
    f"org.apache.spark:spark-sql-kafka-0-10_2.13:{VERSION}",
    f"io.delta:delta-spark_2.13:{VERSION}",
)
_ROWS = LANES * BATCHES * BATCH_ROWS
_COMMITS = (COMMIT_ROWS, _ROWS)
_TOPIC = "peer.readings"
_OPENED = (
    *("java.lang", "java.lang.invoke", "java.lang.reflect", "java.io", "java.net", "java.nio", "java.util"),
    *("java.util.concurrent", "java.util.concurrent.atomic", "sun.nio.ch", "sun.nio.cs", "sun.util.calendar"),
)
_LOGGING = """<Configuration status="error">
  <Appenders><Console name="console" target="SYSTEM_ERR"><PatternLayout pattern="%p %c{1}: %m%n"/></Console></Appenders>
  <Loggers><Root level="error"><AppenderRef ref="console"/></Root></Loggers>
</Configuration>
"""


class Spark:
    """A session that stays, so that later rounds find it warm."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process, self._log = process, log
        self._expect()

    def drain(self, table: Path, commit_rows: int) -> float:
        """Stream the whole topic into a new table; seconds its micro-batches took."""
        assert self._process.stdin is not None
        print(commit_rows // BATCH_ROWS, table, file=self._process.stdin, flush=True)
        return float(self._expect())

    def cpu_seconds(self) -> float:
        """What it has used so far."""
        used = psutil.Process(self._process.pid).cpu_times()
        return used.user + used.system

    def _expect(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line:
            raise TerminalError("Spark has ended", received=self._log.read_text(errors="replace")[-500:])
        return line


@contextmanager
def spark(bootstrap: str, folder: Path) -> Generator[Spark]:
    """Spark on two cores for a block.

    Raises:
        JarsUnavailableError: this machine cannot run it.
    """
    classpath = jars(f"spark-{VERSION}", _JARS)
    configuration, log = folder / "log4j2.xml", folder / "spark.log"
    configuration.write_text(_LOGGING)
    command = ["java", "-Xmx2g", f"-Dlog4j2.configurationFile=file:{configuration}", "-cp", f"{classpath}/*"]
    command += [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED]
    command += [str(Path(__file__).with_name("SparkPeer.java")), bootstrap, _TOPIC]
    pipe = subprocess.PIPE
    with log.open("w") as errors:
        # In our folder: it leaves some of its own where it runs.
        process = subprocess.Popen(bound_to_us(command), cwd=folder, stdin=pipe, stdout=pipe, stderr=errors, text=True)
        try:
            yield Spark(process, log)
        finally:
            process.kill()
            process.wait()


async def _fill_peer(log: EventLog) -> None:
    await log.ensure_topics([_TOPIC])
    for lane in range(LANES):
        await log.append_many([_as_json(header, payload) for header, payload in batches(lane)])


def _as_json(header: BatchHeader, payload: bytes) -> Outgoing:
    rows, _ = unpack(payload)
    lane = lane_of(header)
    document = {
        "lane": lane,
        "seq": header.seq,
        "contract_version": header.contract_version,
        "received_at": time.time_ns() // 1_000,
        "readings": rows.set_column(3, "ts", rows.column("ts").cast(pa.int64())).to_pylist(),
    }
    return Outgoing(_TOPIC, lane.encode(), json.dumps(document, separators=(",", ":")).encode(), [])


@contextmanager
def _two_cores() -> Generator[None]:
    """Keep this process, and what it starts, on two cores, where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    had = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(had)[:2])
    try:
        yield
    finally:
        os.sched_setaffinity(0, had)


@dataclass(frozen=True, slots=True)
class _Round:
    """One drain of the topic: seconds, and CPU seconds, the broker's left out."""

    took: float
    used: float


def _ours(log: EventLog, runner: asyncio.Runner, folder: Path, commit_rows: int) -> _Round:
    began, used = time.perf_counter(), time.process_time()
    runner.run(drain(log, folder, commit_rows))
    return _checked(folder, _Round(time.perf_counter() - began, time.process_time() - used))


def _its(peer: Spark, folder: Path, commit_rows: int) -> _Round:
    used = peer.cpu_seconds()
    took = peer.drain(folder, commit_rows)
    return _checked(folder, _Round(took, peer.cpu_seconds() - used))


def _checked(folder: Path, one: _Round) -> _Round:
    written = sum(DeltaTable(log.parent).count() for log in folder.glob("**/_delta_log"))
    if written != _ROWS:
        raise TerminalError("a round did not write every row", expected=str(_ROWS), received=written, where=str(folder))
    shutil.rmtree(folder)
    return one


def _compare(log: EventLog, runner: asyncio.Runner, peer: Spark, folder: Path) -> list[Claim]:
    rounds: dict[int, list[tuple[_Round, _Round]]] = {size: [] for size in _COMMITS}
    for number in range(WARM + PAIRS):
        for size, kept in rounds.items():
            mine = _ours(log, runner, folder / f"ours-{size}-{number}", size)
            its = _its(peer, folder / f"spark-{size}-{number}", size)
            if number >= WARM:
                kept.append((mine, its))
    return [_claim(size, pairs) for size, pairs in rounds.items()]


def _claim(commit_rows: int, pairs: list[tuple[_Round, _Round]]) -> Claim:
    ours, theirs = (statistics.median(one.took for one in side) for side in zip(*pairs, strict=True))
    used = [statistics.median(one.used for one in side) / _ROWS * 1e6 for side in zip(*pairs, strict=True)]
    print(
        f"spark, commits of {commit_rows:,}: ours {_ROWS / ours:,.0f} readings/s, Spark {_ROWS / theirs:,.0f}; CPU "
        f"seconds a million readings {used[0]:.1f} and {used[1]:.1f}",
        flush=True,
    )
    ratio = ours / theirs
    name = f"sink spark {commit_rows // 1000}k"
    return Claim(name, "ratio", round(ours, 6), round(theirs, 6), round(ratio, 4), TARGET, ratio <= TARGET)


def claims() -> list[dict[str, object]]:
    """Seconds for the same readings, ours and Spark's."""
    configure("warning")
    folder = Path(tempfile.mkdtemp(prefix="goldlayer-bench-"))
    print(
        f"spark: {_ROWS:,} readings of {LANES} lanes, commits of the same size, {PAIRS} pairs after {WARM} to warm up; "
        f"Spark {VERSION} with Delta {VERSION}, local[2]"
    )
    try:
        with _two_cores(), ExitStack() as stack:
            broker = stack.enter_context(LocalBroker())
            peer = stack.enter_context(spark(broker.bootstrap, folder))
            runner = stack.enter_context(asyncio.Runner())
            opening = opened("kafka", broker.bootstrap)
            log = runner.run(opening.__aenter__())
            try:
                runner.run(fill(log))
                runner.run(_fill_peer(log))
                return [claim.as_dict() for claim in _compare(log, runner, peer, folder)]
            finally:
                runner.run(opening.__aexit__(None, None, None))
    except JarsUnavailableError as error:
        print(f"spark: left out, {error}")
        return []
    finally:
        shutil.rmtree(folder, ignore_errors=True)
