"""Edge rules: a fault is raised when its condition begins to hold and cleared when it ends."""

from __future__ import annotations

from uuid import NAMESPACE_URL, uuid5

from core.contracts.data_contract import Rule
from core.contracts.reading import Event


def event_id(site: str, equipment_id: str, rule: str, ts_us: int, state: str) -> str:
    """The same change of the same rule always has the same id."""
    return str(uuid5(NAMESPACE_URL, f"{site}/{equipment_id}/{rule}/{ts_us}/{state}"))


def check(site: str, equipment_id: str, rule: Rule, raised: set[str], ts_us: int, value: float) -> Event | None:
    """Hold one good, finite value against a rule; the event, if it raises or clears the fault."""
    stood = rule.name in raised
    stands = rule.holds(value, raised=stood)
    if stands == stood:
        return None
    (raised.add if stands else raised.discard)(rule.name)
    state = "raised" if stands else "cleared"
    return Event(
        event_id=event_id(site, equipment_id, rule.name, ts_us, state),
        equipment_id=equipment_id,
        ts_us=ts_us,
        fault_code=rule.fault_code,
        severity=rule.severity,
        state=state,
        message=rule.message,
    )
