"""What the contract lets tools say, and what it keeps on site by name."""

from __future__ import annotations

import pytest

from bridge.tools.release import Release, Thinner, WithheldError, ended_by, every_reading
from core.contracts.reading import Sample
from core.errors import NotFoundError

MINUTE_US = 60_000_000
PROPERTIES = """
- name: flow
- name: level
  customProperties:
    - property: forward
      value: false
    - property: windows
      value: [{every: PT1M, aggregates: [mean, max]}]
- name: heat
  customProperties:
    - property: sampling
      value: PT1M
"""


@pytest.fixture
def release(build) -> Release:
    built = build(PROPERTIES, signals=("flow", "level", "heat", "noise"))
    return Release.of(built.site, built.contract)


def test_a_forwarded_signal_may_be_read_and_aggregated(release: Release) -> None:
    assert release.reading(("p1", "flow")).forward
    assert release.window(("p1", "flow"), "min", 1).forward


def test_what_is_not_listed_is_withheld_by_name(release: Release) -> None:
    with pytest.raises(WithheldError, match=r"p1\.noise is withheld by the contract loop 1\.0\.0: its readings stay"):
        release.reading(("p1", "noise"))
    with pytest.raises(WithheldError, match=r"p1\.noise is withheld"):
        release.window(("p1", "noise"), "mean", MINUTE_US)


def test_a_signal_that_leaves_in_windows_leaves_in_those_only(release: Release) -> None:
    assert release.window(("p1", "level"), "mean", MINUTE_US).windows
    for refused in (("min", MINUTE_US), ("mean", MINUTE_US // 2), ("mean", 1)):
        with pytest.raises(WithheldError, match="this window of it stays on site; expected mean every PT1M, max every"):
            release.window(("p1", "level"), *refused)
    with pytest.raises(WithheldError, match="its readings stay on site"):
        release.reading(("p1", "level"))


def test_a_window_that_still_fills_stays(release: Release) -> None:
    plan = release.window(("p1", "level"), "mean", MINUTE_US)
    assert not every_reading(plan) and every_reading(release.reading(("p1", "flow")))
    late = plan.windows[0].lateness_us
    ended = [ended_by(plan, "mean", MINUTE_US, newest) for newest in (MINUTE_US + late - 1, MINUTE_US + late)]
    assert ended == [0, MINUTE_US]


def test_what_lies_between_two_samples_stays(release: Release) -> None:
    plan = release.reading(("p1", "heat"))
    with pytest.raises(WithheldError):
        release.window(("p1", "heat"), "max", MINUTE_US)
    thinner = Thinner()
    first, second, third = (Sample("p1", "heat", ts, float(ts), None, 0) for ts in (5, 6, 5 + MINUTE_US))
    assert [thinner.pick(plan, one) for one in (first, second, first, third)] == [first, first, first, third]
    flow = release.reading(("p1", "flow"))
    assert thinner.pick(flow, second) is second


def test_a_signal_that_does_not_exist_is_not_called_withheld(release: Release) -> None:
    with pytest.raises(NotFoundError, match=r"no such signal; expected flow, heat, level, noise; received 'p1\.folw'"):
        release.reading(("p1", "folw"))
    with pytest.raises(NotFoundError, match=r"expected a machine of this site"):
        release.reading(("p9", "flow"))
