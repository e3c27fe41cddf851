"""What the contract lets tools say upstream. Pure.

A signal that is forwarded may be read, now and in the past: its deadband saves traffic and hides nothing. Of a sampled
signal one reading leaves in each interval, however often it is asked for. A signal that leaves in windows only leaves
tools in those windows only. Everything else stays on site, and is refused by name.
"""

from __future__ import annotations

from dataclasses import dataclass

from bridge.contract.plan import SeriesPlan, SitePlan, plan_site
from bridge.driver import Series
from core.contracts.data_contract import DataContract, Window
from core.contracts.reading import Sample
from core.contracts.site import SiteFile
from core.errors import DeniedError, NotFoundError


class WithheldError(DeniedError):
    """The contract keeps this on site."""


@dataclass(frozen=True, slots=True)
class Release:
    """A contract laid over a site, asked what may leave."""

    contract: str
    plan: SitePlan

    @classmethod
    def of(cls, site: SiteFile, contract: DataContract) -> Release:
        """The release of a site under its contract."""
        return cls(f"{contract.id} {contract.version}", plan_site(site, contract))

    def forwarded(self, series: Series) -> bool:
        """Whether single readings of a signal may leave."""
        return self.plan.of(*series).forward

    def reading(self, series: Series) -> SeriesPlan:
        """The plan of a signal whose single readings may leave.

        Raises:
            NotFoundError: the site has no such signal.
            WithheldError: they stay.
        """
        plan = self._known(series)
        if not plan.forward:
            raise self._withheld(plan, "its readings stay on site")
        return plan

    def window(self, series: Series, aggregate: str, every_us: int) -> SeriesPlan:
        """The plan of a signal of which such windows may leave: contracted ones, or any of readings that may leave.

        Raises:
            NotFoundError: the site has no such signal.
            WithheldError: they stay.
        """
        plan = self._known(series)
        if every_reading(plan) or _promised(plan, aggregate, every_us):
            return plan
        raise self._withheld(plan, "this window of it stays on site")

    def _known(self, series: Series) -> SeriesPlan:
        if series not in self.plan.series:
            raise NotFoundError("no such signal", received=".".join(series), expected=self._near(series))
        return self.plan.series[series]

    def _near(self, series: Series) -> str:
        of_machine = sorted(signal for machine, signal in self.plan.series if machine == series[0])
        return ", ".join(of_machine) if of_machine else "a machine of this site"

    def _withheld(self, plan: SeriesPlan, what: str) -> WithheldError:
        leaves = [f"{one} every {window.every}" for window in plan.windows for one in window.aggregates]
        return WithheldError(
            f"{plan.equipment_id}.{plan.signal} is withheld by the contract {self.contract}: {what}",
            expected=", ".join(leaves) or None,
            next_step=None if leaves else "read it on site: platform bridge read",
        )


def ended_by(plan: SeriesPlan, aggregate: str, every_us: int, newest_us: int) -> int:
    """Source time at which the newest contracted window that is over has ended.

    Of a signal that leaves in windows only, one that is asked for again and again while it fills would tell each
    reading in it.

    Args:
        plan: of a signal that leaves in such windows.
        aggregate: what is asked for.
        every_us: length of the windows.
        newest_us: the signal's newest source time.
    """
    waits = min((one.lateness_us for one in _promised(plan, aggregate, every_us)), default=0)
    return (newest_us - waits) // every_us * every_us


def every_reading(plan: SeriesPlan) -> bool:
    """Every reading may leave; of a sampled signal windows would tell what lies between two samples."""
    return plan.forward and plan.sampling_us is None


def _promised(plan: SeriesPlan, aggregate: str, every_us: int) -> list[Window]:
    return [one for one in plan.windows if one.every_us == every_us and aggregate in one.aggregates]


class Thinner:
    """Remembers what was said of sampled signals, so that asking often does not get around their interval."""

    def __init__(self) -> None:
        self._said: dict[Series, Sample] = {}

    def pick(self, plan: SeriesPlan, sample: Sample) -> Sample:
        """The reading to say: this one, or the one said before if its interval is not over."""
        if plan.sampling_us is None:
            return sample
        series = plan.equipment_id, plan.signal
        before = self._said.get(series)
        if before is not None and 0 <= sample.ts_us - before.ts_us < plan.sampling_us:
            return before
        self._said[series] = sample
        return sample
