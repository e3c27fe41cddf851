"""Silver of a day, beside bare Polars scripts that compute the same rows of the same tables: in seconds, and in memory.

Readings and quarantine first, of bronze; then the tables that are made of them (`bench.tables.day`), and all together.

Ours is all that the asset does to data: judging, doubt, late rows, every check, five tables, and the books. The script
knows the day as a whole: it joins the catalogue, judges, takes the sample received last, sorts, and writes readings and
quarantine. The outputs are compared row for row. Each side runs in a process of its own, which tells its seconds and
the highest resident memory it ever had, imports included; the libraries of units and of checks are loaded before the
clock starts, as they are once a process. Four million readings of six hundred signals that come in turns, as machines
send them: the script holds the whole day, over a kilobyte a reading. `GOLDLAYER_BENCH_READINGS=50000000` builds the day
that is claimed as well, ours alone, and holds its seconds a reading against the script's.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

import polars as pl
from deltalake import write_deltalake

from assets.catalogue import ContractedSite, catalogue
from assets.silver.judge import judge_readings
from bench.claim import Claim
from core.contracts.odcs import parse_contract
from core.contracts.reading import COUNT_COLUMNS
from core.contracts.site import SiteFile
from core.errors import TerminalError
from core.tenancy import RegisteredSite
from lake.store import Lake
from lake.tables import bronze, ops, silver
from quality.reference import REFERENCE_DAYS, references

TARGET, AS_A_DAY, LIMIT_MB = 1 / 0.7, 1.0, 2000.0
WHOLE_DAY, PAIRS = 4_000_000, 3
TENANT, DAY = "bench-co", date(2024, 3, 4)
MACHINES, SIGNALS, A_COMMIT = 50, 12, 500_000
_SITE = {
    "tenant": TENANT,
    "site": "bench",
    "protocol": "opcua",
    "equipment": [
        {
            "id": f"pump-[000..{MACHINES - 1:03d}]",
            "type": "pump",
            "signals": [
                {"name": "running", "role": "running"},
                {"name": "pieces", "role": "count"},
                {"name": "s2", "unit": "cm"},
                *({"name": f"s{number}", "unit": "bar"} for number in range(3, SIGNALS)),
            ],
        }
    ],
}


def _counts(rows: pl.DataFrame) -> pl.DataFrame:
    """What the bridges' books say of a stretch: all of it was forwarded."""
    hour = pl.col("ts").dt.truncate("1h").alias("hour")
    counted = rows.group_by("site", "equipment_id", "signal", hour, "lane").agg(
        pl.col("seq").max(), n=pl.len().cast(pl.Int64)
    )
    sent = ("read", "contracted", "forwarded")
    terms = {name: pl.col("n") if name in sent else 0 * pl.col("n") for name in COUNT_COLUMNS}
    return counted.with_columns(**terms, date=pl.col("hour").dt.date()).select(bronze.BRIDGE_COUNTS.schema.names)


def _fill(folder: Path, rows: int) -> None:
    """Bronze of the day, and the catalogue for the script."""
    lake = Lake(str(folder)).tenant(TENANT)
    catalogue([_contracted()]).write_parquet(folder / "catalogue.parquet")
    for first in range(0, rows, A_COMMIT):
        stretch = _samples(first, min(A_COMMIT, rows - first), rows)
        lake.append(bronze.READINGS, stretch.to_arrow())
        lake.append(bronze.BRIDGE_COUNTS, _counts(stretch).to_arrow())
    _known(catalogue([_contracted()])).write_parquet(folder / "reference.parquet")


def _known(signals: pl.DataFrame) -> pl.DataFrame:
    """What the signals were like in the week before: they are no longer new, as on most days."""
    turns = REFERENCE_DAYS * 24
    rows = judge_readings(_samples(0, turns * MACHINES * SIGNALS, turns * MACHINES * SIGNALS), signals).kept
    days_before = pl.duration(days=1 + pl.col("ts").dt.hour().cast(pl.Int64) % REFERENCE_DAYS)
    past = rows.with_columns(date=pl.col("date") - days_before)
    return references(past, past["date"].unique().to_list()).select(ops.SIGNAL_REFERENCE.schema.names)


class Measured(NamedTuple):
    """One side's run: wall and CPU seconds of the work, highest resident megabytes of the process."""

    seconds: float
    cpu: float
    peak_mb: float


def _contract() -> str:
    limits = "".join(
        f"\n      - {{name: s{number}, logicalTypeOptions: {{minimum: 0, maximum: {1000 if number == 2 else 100}}}, "
        f"customProperties: [{{property: unit, value: {'mm' if number == 2 else 'bar'}}}]}}"
        for number in range(2, SIGNALS)
    )
    switches = "".join(
        f'\n      - {{name: {name}, customProperties: [{{property: unit, value: "1"}}]}}'
        for name in ("running", "pieces")
    )
    head = "apiVersion: v3.1.0\nkind: DataContract\nid: bench\nversion: 1.0.0\nschema:\n  - name: pump\n    properties:"
    return head + switches + limits


def _samples(first: int, rows: int, total: int) -> pl.DataFrame:
    """A stretch of bronze: every signal in turn; some samples come again, some beyond their limits, some bad."""
    series = MACHINES * SIGNALS
    n = pl.int_range(first, first + rows)
    turn, which = n // series, n % series
    signal = which % SIGNALS
    midnight = pl.lit(datetime.combine(DAY, datetime.min.time(), UTC))
    step = 86_400_000_000 // (total // series + 1)
    again = n % 1_009 == 0  # stands where the sample before it in the series stood
    ts = (midnight + pl.duration(microseconds=(turn - again.cast(pl.Int64)).clip(0) * step)).cast(
        pl.Datetime("us", "UTC")
    )
    wave = 50 + 20 * (turn * (0.001 + signal * 0.0003) + which).sin() + (n * 7_919 % 1_009) / 252
    return pl.select(
        site=pl.lit("bench"),
        equipment_id=pl.format("pump-{}", (which // SIGNALS).cast(pl.String).str.zfill(3)),
        signal=pl.when(signal == 0)
        .then(pl.lit("running"))
        .when(signal == 1)
        .then(pl.lit("pieces"))
        .otherwise(pl.format("s{}", signal)),
        ts=ts,
        value=pl.when(signal == 0)
        .then(1.0)
        .when(signal == 1)
        .then(turn.cast(pl.Float64))
        .when(n % 5_003 == 0)
        .then(9_999.0)
        .otherwise(wave.round(2)),
        text=pl.lit(None, pl.String),
        quality=pl.when(n % 2_003 == 0).then(0x8000_0000).otherwise(0).cast(pl.Int64),
        lane=pl.format("bench-{}/1/readings-live", which // SIGNALS // 10),
        seq=turn // 5,
        row_no=(n % (5 * series)).cast(pl.Int32),
        contract_version=pl.lit("1.0.0"),
        received_at=(midnight + pl.duration(microseconds=turn * step, seconds=1)).cast(pl.Datetime("us", "UTC")),
        date=ts.dt.date(),
    ).select(bronze.READINGS.schema.names)


def _contracted() -> ContractedSite:
    return ContractedSite(SiteFile.model_validate(_SITE), parse_contract(_contract(), where="bench"))


def _ours(folder: Path) -> Measured:
    from assets.build import Build
    from assets.resources import LakeResource, TenantResource
    from assets.silver.refined import refine
    from assets.window import Window
    from quality.validation import load

    class OneTenant(TenantResource):
        """The bench's own register."""

        def slugs(self) -> list[str]:
            """The one."""
            return [TENANT]

        def sites(self, slug: str) -> Sequence[RegisteredSite]:
            """The one."""
            one = _contracted()
            return [RegisteredSite(one.site, one.contract, f"{slug}-bridge")]

        def tell(self, slug: str, cause: str, subject: str, message: str) -> None:
            """A failed check would be news to the bench."""
            raise TerminalError(subject, received=message, where=f"{slug}: {cause}")

    load()
    catalogue([_contracted()])
    Lake(str(folder)).tenant(TENANT).append(
        ops.SIGNAL_REFERENCE, pl.read_parquet(folder / "reference.parquet").to_arrow()
    )
    build = Build.alone(Window(TENANT, (DAY,)), LakeResource(root=str(folder)), OneTenant(), "bench")
    return _timed(lambda: deque(refine(build), maxlen=0))


def _script(folder: Path) -> Measured:
    return _timed(lambda: _alone(folder))


def _timed(work: Callable[[], object]) -> Measured:
    wall, used = time.perf_counter(), time.process_time()
    work()
    return Measured(time.perf_counter() - wall, time.process_time() - used, _peak_mb())


def _peak_mb() -> float:
    """Highest resident memory this process ever had."""
    told = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in told if line.startswith("VmHWM")).split()[1]) / 1024


def _alone(folder: Path) -> None:
    key = ["site", "equipment_id", "signal", "ts"]
    names = pl.read_parquet(folder / "catalogue.parquet").lazy().rename({"base": "signal"})
    value, good = pl.col("value"), (pl.col("quality") & 0xC000_0000) == 0
    slack = pl.col("tolerance")
    rows = (
        pl.scan_delta(str(folder / TENANT / "bronze" / "readings"))
        .filter(pl.col("date") == DAY)
        .join(names, on=key[:3], how="left")
        .with_columns(value=value * pl.col("scale") + pl.col("offset"), late=pl.lit(value=False))
        .with_columns(
            wrong=pl.when(pl.col("equipment_type").is_null())
            .then(1)
            .when(good & value.is_null() & pl.col("text").is_null())
            .then(2)
            .when(good & (value < pl.col("minimum") - slack))
            .then(3)
            .when(good & (value > pl.col("maximum") + slack))
            .then(4)
            .when(good & ((value < pl.col("floor")) | (value > pl.col("ceiling"))))
            .then(5)
        )
        .collect()
    )
    kept = (
        rows.filter(pl.col("wrong").is_null())
        .sort(*key, "received_at", "lane", "seq", "row_no")
        .unique(key, keep="last", maintain_order=True)
        .select(silver.READINGS.schema.names)
    )
    limit = pl.format("above the contract's maximum of {} {}", "maximum", "unit")
    rejected = (
        rows.filter(pl.col("wrong").is_not_null())
        .with_columns(kind=pl.lit("reading"), reason=pl.when(pl.col("wrong") == 4).then(limit))
        .select(silver.QUARANTINE.schema.names)
    )
    write_deltalake(str(folder / "alone" / "readings"), kept, partition_by="date")
    write_deltalake(str(folder / "alone" / "quarantine"), rejected, partition_by="date")


_SIDES: dict[str, Callable[[Path], Measured]] = {"ours": _ours, "script": _script}


def _in_a_process(side: str, folder: Path) -> Measured:
    for made in (folder / "alone",) if side == "script" else (folder / TENANT / "silver", folder / TENANT / "ops"):
        shutil.rmtree(made, ignore_errors=True)
    command = [sys.executable, "-W", "ignore", "-m", "bench.silver", side, str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Measured(*json.loads(done.stdout.splitlines()[-1]))


def _require_same(folder: Path) -> None:
    """Machine by machine, so that the comparison fits beside the largest day."""
    ours = Lake(str(folder)).tenant(TENANT)
    for spec, order in ((silver.READINGS, list(silver.READINGS.keys)), (silver.QUARANTINE, ["lane", "seq", "row_no"])):
        for machine in _contracted().site.units():
            found, expected = (
                rows.filter(pl.col("equipment_id") == machine.id).select(spec.schema.names).sort(order).collect()
                for rows in (ours.scan(spec), pl.scan_delta(str(folder / "alone" / spec.name)))
            )
            if not found.equals(expected):
                raise TerminalError(
                    "the script's rows are others",
                    expected=f"{expected.height} rows",
                    received=f"{found.height} rows",
                    where=f"{spec.full_name}, {machine.id}",
                )


def _medians(runs: Sequence[Measured]) -> Measured:
    return Measured(*(statistics.median(column) for column in zip(*runs, strict=True)))


def claims() -> list[dict[str, object]]:
    """Seconds against the script, megabytes against the budget; at the larger size seconds a reading."""
    rows = int(os.environ.get("GOLDLAYER_BENCH_READINGS", str(WHOLE_DAY)))
    both = min(rows, WHOLE_DAY)
    ours, script = _side_by_side(both)
    found = [_faster("silver: readings", ours.seconds, script.seconds, TARGET), _fits("silver resident", ours)]
    if rows > both:
        day = _ours_alone(rows)
        share = both / rows
        found += [_faster("silver of a day", day.seconds * share, script.seconds, AS_A_DAY), _fits("a day's", day)]
    return [claim.as_dict() for claim in [*found, *_of_the_layer(ours, script)]]


def _of_the_layer(ours: Measured, script: Measured) -> list[Claim]:
    """Tables made of readings and events together, and with readings and quarantine the layer."""
    from bench.tables.day import compared_together
    from bench.tables.step import Pair, claimed, summed

    others = compared_together()
    layer = summed([Pair(ours.seconds, script.seconds, ours.cpu, script.cpu), others])
    return [claimed("silver: other tables", others, TARGET), claimed("silver", layer, TARGET)]


def _side_by_side(rows: int) -> tuple[Measured, Measured]:
    """Both sides of one day in turn, whose rows are compared."""
    with tempfile.TemporaryDirectory(prefix="goldlayer-bench-") as name:
        folder = Path(name)
        _fill(folder, rows)
        runs = [(_in_a_process("ours", folder), _in_a_process("script", folder)) for _ in range(PAIRS)]
        _require_same(folder)
    ours, script = (_medians(side) for side in zip(*runs, strict=True))
    _tell(rows, "ours", ours)
    _tell(rows, "script", script)
    return ours, script


def _ours_alone(rows: int) -> Measured:
    """A day that the script could not hold."""
    with tempfile.TemporaryDirectory(prefix="goldlayer-bench-") as name:
        _fill(Path(name), rows)
        measured = _in_a_process("ours", Path(name))
    _tell(rows, "ours", measured)
    return measured


def _tell(rows: int, side: str, one: Measured) -> None:
    print(
        f"silver of {rows:,} readings, {side}: {one.seconds:.2f} s (CPU {one.cpu:.2f} s), {one.peak_mb:,.0f} MB",
        flush=True,
    )


def _faster(name: str, ours: float, script: float, target: float) -> Claim:
    ratio = ours / script
    return Claim(name, "ratio", round(ours, 3), round(script, 3), round(ratio, 4), round(target, 4), ratio <= target)


def _fits(name: str, one: Measured) -> Claim:
    share = one.peak_mb / LIMIT_MB
    return Claim(name, "budget", round(one.peak_mb, 1), LIMIT_MB, round(share, 4), 1.0, share <= 1)


if __name__ == "__main__":
    print(json.dumps(_SIDES[sys.argv[1]](Path(sys.argv[2]))))
