"""Writing one signal on site: only as the site file allows, and known only once the device shows it.

In this order: leave, range, how often, the value before, the step, the interlocks, the line in the log, the write, the
value after. Everything is read from the device for it. There is no way here from the platform.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

from bridge.driver import Series
from bridge.tools.attempts import Attempt, AttemptLog, Verdict
from bridge.tools.devices import Devices
from bridge.tools.visit import visiting
from bridge.vault import Secrets
from core import clock
from core.contracts.quality import is_good
from core.contracts.reading import Sample
from core.contracts.site import SiteFile
from core.contracts.writing import WriteRule
from core.errors import DeniedError, GoldlayerError, NotFoundError, TransientError

_LOOK_EVERY_S = 0.1


class NotConfirmedError(TransientError):
    """The device took the write and does not show the value."""


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody on site wants."""

    equipment: str
    signal: str
    value: float
    who: str
    reason: str


async def write_tag(site: SiteFile, home: Path, secrets: Secrets, wanted: Request) -> Attempt:
    """Write a signal over a connection of one's own, and read it back.

    Args:
        site: says what may be written, and where it lies.
        home: the bridge's home folder; every attempt is written down there, refused ones too.
        secrets: vault that holds what the devices want to know.
        wanted: what, by whom and why.

    Returns:
        The attempt, confirmed.

    Raises:
        DeniedError: the site file does not allow it, as it is or now.
        NotFoundError: the site has no such signal.
        NotConfirmedError: it was written, and the device shows something else.
        DeviceLostError, DeviceRefusedError: the device did not take it, or nobody knows.
        TerminalError: the log of writes was tampered with, or cannot be written.
    """
    log = AttemptLog(home)
    with log.alone():
        attempt = Attempt(
            at=clock.now(),
            attempt=uuid4().hex,
            who=wanted.who,
            reason=wanted.reason,
            equipment=wanted.equipment,
            signal=wanted.signal,
            value=wanted.value,
            verdict=Verdict.REFUSED,
        )
        known = log.all()
        async with AsyncExitStack() as stack:
            try:
                rule = _check(site, known, wanted)
                visit = visiting(site, _asked(rule, wanted), home, secrets, write=True)
                devices = await stack.enter_async_context(visit)
                before = await _look(devices, rule, wanted)
            except GoldlayerError as error:
                log.append(attempt.model_copy(update={"why": error.sentence()}))
                raise
            attempt = attempt.model_copy(update={"before": before})
            log.append(attempt.model_copy(update={"verdict": Verdict.BEGUN}))
            return await _carry_out(devices, log, attempt, rule)


def _asked(rule: WriteRule, wanted: Request) -> set[Series]:
    """Signals that are read for it."""
    locks = {(one.equipment or wanted.equipment, one.signal) for one in rule.interlocks}
    return {(wanted.equipment, wanted.signal), *locks}


def _check(site: SiteFile, known: Sequence[Attempt], wanted: Request) -> WriteRule:
    """The rule that allows it as far as the device need not be asked."""
    name = f"{wanted.equipment}.{wanted.signal}"
    found = site.signal(wanted.equipment, wanted.signal)
    if found is None:
        raise NotFoundError("no such signal", received=name)
    rule = found.write
    if rule is None:
        raise DeniedError(
            f"{name} may not be written", expected="`write` of the signal in the site file", next_step="add it there"
        )
    if not (math.isfinite(wanted.value) and rule.minimum <= wanted.value <= rule.maximum):
        allowed = f"{rule.minimum:g} to {rule.maximum:g} {found.unit}"
        raise DeniedError(f"{name} may not be set to that", expected=allowed, received=wanted.value)
    _check_rate(rule, known, wanted)
    return rule


async def _look(devices: Devices, rule: WriteRule, wanted: Request) -> float:
    """The value before, if the step from there and all interlocks allow it."""
    before = _number(await devices.sample(wanted.equipment, wanted.signal), "the value before")
    if rule.max_step is not None and abs(wanted.value - before) > rule.max_step:
        raise DeniedError(
            f"{wanted.equipment}.{wanted.signal} may not change that far in one write",
            expected=f"at most {rule.max_step:g} from {before:g}",
            received=wanted.value,
        )
    await _check_interlocks(devices, rule, wanted)
    return before


def _check_rate(rule: WriteRule, known: Sequence[Attempt], wanted: Request) -> None:
    since = clock.now() - timedelta(seconds=rule.per_s)
    recent = [
        one.at
        for one in known
        if (one.equipment, one.signal) == (wanted.equipment, wanted.signal)
        and one.verdict is Verdict.BEGUN
        and one.at > since
    ]
    if len(recent) >= rule.max_writes:
        again = min(recent) + timedelta(seconds=rule.per_s)
        raise DeniedError(
            f"{wanted.equipment}.{wanted.signal} was written too often",
            expected=f"at most {rule.max_writes} writes in {rule.per_s:g} s",
            received=f"{len(recent)} already",
            next_step=f"try again after {again.isoformat(timespec='seconds')}",
        )


async def _check_interlocks(devices: Devices, rule: WriteRule, wanted: Request) -> None:
    for interlock in rule.interlocks:
        machine = interlock.equipment or wanted.equipment
        shown = _number(await devices.sample(machine, interlock.signal), f"interlock {machine}.{interlock.signal}")
        if not interlock.holds(shown):
            raise DeniedError(
                f"interlock of {wanted.equipment}.{wanted.signal} does not hold",
                expected=f"{machine}.{interlock.text}",
                received=shown,
            )


def _number(sample: Sample, what: str) -> float:
    if sample.value is None or not math.isfinite(sample.value) or not is_good(sample.quality):
        raise DeniedError(f"{what} is no good number", received=f"{sample.value}, quality 0x{sample.quality:08X}")
    return sample.value


async def _carry_out(devices: Devices, log: AttemptLog, attempt: Attempt, rule: WriteRule) -> Attempt:
    def ended(verdict: Verdict, why: str = "", after: float | None = None) -> Attempt:
        line = attempt.model_copy(update={"at": clock.now(), "verdict": verdict, "why": why, "after": after})
        log.append(line)
        return line

    try:
        await devices.write(attempt.equipment, attempt.signal, attempt.value)
        after = await _read_back(devices, attempt, rule)
    except GoldlayerError as error:
        ended(Verdict.FAILED, error.sentence())
        raise
    if after is None or abs(after - attempt.value) > rule.tolerance:
        shown = "no good number" if after is None else f"{after:g}"
        why = f"the device shows {shown} {rule.confirm_within_s:g} s later"
        ended(Verdict.NOT_CONFIRMED, why, after)
        raise NotConfirmedError(
            "written, but not confirmed",
            expected=f"{attempt.value:g} within {rule.tolerance:g}",
            received=shown,
            next_step=f"look at {attempt.equipment}.{attempt.signal} before you write again",
        )
    return ended(Verdict.CONFIRMED, after=after)


async def _read_back(devices: Devices, attempt: Attempt, rule: WriteRule) -> float | None:
    """The value the device shows, waited for until it is the one written or time is up."""
    loop = asyncio.get_running_loop()
    until = loop.time() + rule.confirm_within_s
    while True:
        sample = await devices.sample(attempt.equipment, attempt.signal)
        good = sample.value is not None and is_good(sample.quality)
        if good and sample.value is not None and abs(sample.value - attempt.value) <= rule.tolerance:
            return sample.value
        if loop.time() >= until:
            return sample.value if good else None
        await asyncio.sleep(_LOOK_EVERY_S)
