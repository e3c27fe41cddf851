"""From one contract to the next between two steps: what the old one began and the new one does not go on with is ended.

Readings before the boundary were judged by the old contract, those after it will be by the new one. A window that both
know stays open; one that only the old one knows leaves with what it has seen; a fault whose rule is gone is cleared.
Pure.
"""

from __future__ import annotations

from bridge.contract import holding
from bridge.contract.counts import RULES, WINDOWS
from bridge.contract.engine import States, Step, window_name
from bridge.contract.outgoing import no_rows
from bridge.contract.plan import SeriesPlan, SitePlan
from bridge.contract.rules import event_id
from bridge.contract.state import SeriesState
from bridge.contract.windows import WindowState, rows_of
from core.contracts.data_contract import Window
from core.contracts.quality import PARTIAL
from core.contracts.reading import Event, Sample, readings_to_arrow


def change(old: SitePlan, new: SitePlan, states: States, boundary_us: int) -> Step:
    """End what ends; `states` moves on in place.

    Args:
        old: the plan that made the states.
        new: the plan of the next reading.
        states: of every series.
        boundary_us: newest source time that the old contract judged; the time of what is cleared now.
    """
    made = Step(rows=no_rows())
    derived: list[Sample] = []
    for series, state in states.items():
        before, after = old.of(*series), new.of(*series)
        if before.windows != after.windows:
            _end_windows(before, after, state, derived, made)
            made.touched.add(series)
        gone = state.raised - {rule.name for rule in after.rules}
        if gone:
            _clear(old.site, before, state, gone, boundary_us, made)
            made.touched.add(series)
    if derived:
        made.rows = readings_to_arrow(old.site, derived)
    return made


def _end_windows(before: SeriesPlan, after: SeriesPlan, state: SeriesState, derived: list[Sample], made: Step) -> None:
    kept: dict[str, WindowState] = {}
    heirs = {window.every_us: window for window in after.windows}
    for window in before.windows:
        opened = state.windows.get(window_name(window))
        heir = heirs.pop(window.every_us, None)
        if opened is not None and heir is not None:
            kept[window_name(heir)] = opened
        elif opened is not None:
            _leave(before, window, opened, derived, made)
    state.windows = kept


def _leave(plan: SeriesPlan, window: Window, opened: WindowState, derived: list[Sample], made: Step) -> None:
    """Every window that is still open, with what it has seen of its time, marked as a part."""
    for start, box in sorted(opened.open.items()):
        end = min(start + window.every_us, opened.newest if opened.newest is not None else start)
        holding.finish(opened.points, start, end, box)
        for sample in rows_of(plan.equipment_id, plan.signal, window, start, box):
            derived.append(sample._replace(quality=sample.quality | PARTIAL))
            name = (plan.equipment_id, sample.signal)
            made.counts.add((name, name), start, WINDOWS)


def _clear(site: str, plan: SeriesPlan, state: SeriesState, gone: set[str], ts_us: int, made: Step) -> None:
    for rule in (one for one in plan.rules if one.name in gone):
        made.events.append(
            Event(
                event_id=event_id(site, plan.equipment_id, rule.name, ts_us, "cleared"),
                equipment_id=plan.equipment_id,
                ts_us=ts_us,
                fault_code=rule.fault_code,
                severity=rule.severity,
                state="cleared",
                message="the rule is no longer in the contract",
            )
        )
        name = (plan.equipment_id, f"rule:{rule.name}")
        made.counts.add((name, name), ts_us, RULES)
    state.raised -= gone
