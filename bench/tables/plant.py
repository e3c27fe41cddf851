"""The plant whose tables are built: a hundred machines of ten signals, and what silver holds of them. Pure.

Machines run most of the time, at three speeds that change every three hours; counters count; measured signals follow
the speed, drift a little, and wobble by figures that look like chance and are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache

import polars as pl

from core.contracts.odcs import parse_contract
from core.contracts.site import SiteFile
from core.tenancy import RegisteredSite
from lake.tables import bronze, silver

TENANT, SITE, TYPES = "bench-co", "bench", ("press", "pump")
MACHINES = 100
SIGNALS = ("good", "pieces", "running", "s5", "s6", "s7", "s8", "s9", "speed", "trip")
_ROLES = {"running": "running", "speed": "speed", "pieces": "count", "good": "good", "trip": "fault"}
_UNITS = {"speed": "rpm", "s5": "bar", "s6": "bar", "s7": "degC", "s8": "mm"}
_CODES, _DAY_S = 12, 86_400
_BAD = 0x8000_0000


def days(first: date, count: int) -> tuple[date, ...]:
    """Days in order."""
    return tuple(first + timedelta(days=number) for number in range(count))


@cache
def registered() -> RegisteredSite:
    """The site under its contract, which lets everything out as it is; read once, as in a run of Dagster's."""
    signals = [
        {"name": name, "unit": _UNITS.get(name, "1"), **({"role": _ROLES[name]} if name in _ROLES else {})}
        for name in SIGNALS
    ]
    each = MACHINES // len(TYPES)
    rows = [{"id": f"{kind}-[00..{each - 1}]", "type": kind, "signals": signals} for kind in TYPES]
    site = SiteFile.model_validate({"tenant": TENANT, "site": SITE, "protocol": "opcua", "equipment": rows})
    promised = "".join(
        f'\n      - {{name: {name}, customProperties: [{{property: unit, value: "{_UNITS.get(name, "1")}"}}]}}'
        for name in SIGNALS
    )
    schema = "".join(f"\n  - name: {kind}\n    properties:{promised}" for kind in TYPES)
    head = "apiVersion: v3.1.0\nkind: DataContract\nid: bench\nversion: 1.0.0\nschema:"
    return RegisteredSite(site, parse_contract(head + schema, where="bench"), "bench-bridge")


def hours(day: date) -> pl.DataFrame:
    """Rows of `silver.signal_hourly` of a day."""
    value = pl.col("value")
    return (
        _samples(day, 3_600, "hour")
        .with_columns(
            mean="value",
            min=value - value.abs() * 0.02,
            max=value + value.abs() * 0.02,
            last="value",
            samples=pl.lit(60, pl.Int64),
            observed_s=pl.lit(3_600.0),
        )
        .select(silver.SIGNAL_HOURLY.schema.names)
    )


def readings(day: date, every_s: int) -> pl.DataFrame:
    """Rows of `silver.readings` of a day, in the order in which silver lies; every thousandth is bad."""
    return (
        _samples(day, every_s, "ts")
        .with_columns(
            text=pl.lit(None, pl.String),
            quality=pl.when(pl.col("n") % 1_009 == 0).then(_BAD).otherwise(0).cast(pl.Int64),
            late=pl.lit(value=False),
            received_at="ts",
        )
        .select(silver.READINGS.schema.names)
    )


def lives(count: int, steps: int) -> pl.DataFrame:
    """Rows of `bronze.history`: whole lives of the second type, a step an hour, in which measured signals rise."""
    signals = [name for name in SIGNALS if name in _UNITS]
    n, each = pl.col("n"), len(signals)
    step, life = n // each % steps, n // each // steps
    wobble = (n * 7_919 % 1_009) / 1_009 - 0.5
    return (
        pl.select(n=pl.int_range(count * steps * each))
        .with_columns(
            site=pl.lit(SITE),
            equipment_id=pl.format("life-{}", life),
            equipment_type=pl.lit(TYPES[1]),
            unit_number=life.cast(pl.Int32),
            signal=_among(signals, n % each),
            ts=_time(_midnight(date(2020, 1, 1)) + pl.duration(hours=step)),
            step=(step + 1).cast(pl.Int32),
            value=10 + (step / steps) ** 3 * (5 + n % each) + wobble,
            quality=pl.lit(0, pl.Int64),
        )
        .with_columns(text=pl.lit(None, pl.String), date=pl.col("ts").dt.date())
        .select(bronze.HISTORY.schema.names)
    )


def events(over: Sequence[date], a_day: int) -> pl.DataFrame:
    """Rows of `silver.events`: so many faults of each machine a day, most of them cleared within five hours."""
    n = pl.col("n")
    since = pl.duration(days=n // (a_day * MACHINES), seconds=n * 7_919 % _DAY_S)
    faults = pl.select(n=pl.int_range(len(over) * MACHINES * a_day)).with_columns(
        *_machine(n // a_day % MACHINES),
        raised=_time(_midnight(over[0]) + since),
        fault_code=pl.format("F{}", (n * 31 % _CODES).cast(pl.String).str.zfill(2)),
        severity=(50 + n % 50).cast(pl.Int32),
        message=pl.format("fault {}", n % 100),
    )
    cleared = faults.filter(n % 97 != 0).with_columns(
        ts=pl.col("raised") + pl.duration(seconds=60 + n * 6_007 % 18_000)
    )
    changes = [(faults.with_columns(ts="raised"), "raised"), (cleared, "cleared")]
    return (
        pl.concat([rows.with_columns(state=pl.lit(state)) for rows, state in changes])
        .with_columns(event_id=pl.format("{}-{}", "n", "state"), date=pl.col("ts").dt.date())
        .filter(pl.col("date") <= over[-1])
        .select(silver.EVENTS.schema.names)
        .sort("site", "equipment_id", "ts", "event_id")
    )


def _samples(day: date, every_s: int, clock: str) -> pl.DataFrame:
    """A sample of each series every so often, with its time under the name of `clock`, its `value` and its `date`."""
    each = _DAY_S // every_s
    n, of = pl.col("n"), pl.col("n") // each % len(SIGNALS)
    seconds = n % each * every_s
    return (
        pl.select(n=pl.int_range(MACHINES * len(SIGNALS) * each))
        .with_columns(
            *_machine(n // each // len(SIGNALS)),
            machine=n // each // len(SIGNALS),
            signal=_among(SIGNALS, of),
            unit=_among([_UNITS.get(name, "1") for name in SIGNALS], of),
            role=_among([_ROLES.get(name) for name in SIGNALS], of),
            date=pl.lit(day),
            hour_no=pl.lit(day.toordinal() * 24) + seconds // 3_600,
            at_s=pl.lit(day.toordinal() * _DAY_S) + seconds,
        )
        .with_columns(_time(_midnight(day) + pl.duration(seconds=seconds)).alias(clock), value=_value())
    )


def _value() -> pl.Expr:
    """What a signal shows."""
    machine, hour, signal = pl.col("machine"), pl.col("hour_no"), pl.col("signal")
    wobble = (pl.col("n") * 7_919 + hour * 104_729) % 1_009 / 1_009 - 0.5
    stands = (hour + machine) % 23 == 0
    speed = pl.when(stands).then(0.0).otherwise(900.0 + 300 * ((hour // 3 + machine) % 3))
    counted = pl.col("at_s") // 6 + machine * 1_000
    drift = (hour % 4_000) * (machine % 7) * 1e-5
    followed = machine % 10 + speed / 100 + pl.col("n") % 5 * 0.01 + drift
    return (
        pl.when(signal == "running")
        .then(pl.when(stands).then(0.0).otherwise(1.0))
        .when(signal == "speed")
        .then(speed + wobble)
        .when(signal == "pieces")
        .then(counted.cast(pl.Float64))
        .when(signal == "good")
        .then((counted * 97 // 100).cast(pl.Float64))
        .when(signal == "trip")
        .then(0.0)
        .when(signal == "s9")
        .then(0.5 + wobble / 2)
        .otherwise(followed + wobble)
    )


def _machine(number: pl.Expr) -> list[pl.Expr]:
    each = MACHINES // len(TYPES)
    kind = _among(TYPES, number // each)
    return [
        pl.lit(SITE).alias("site"),
        pl.format("{}-{}", kind, (number % each).cast(pl.String).str.zfill(2)).alias("equipment_id"),
        kind.alias("equipment_type"),
    ]


def _among(words: Sequence[str | None], place: pl.Expr) -> pl.Expr:
    return place.replace_strict(dict(enumerate(words)), return_dtype=pl.String)


def _midnight(day: date) -> pl.Expr:
    return pl.lit(datetime.combine(day, datetime.min.time(), UTC))


def _time(at: pl.Expr) -> pl.Expr:
    return at.cast(pl.Datetime("us", "UTC"))
