"""Incidents in words: short sentences with figures and units, the same words for people, vectors and training."""

from __future__ import annotations

from datetime import datetime

from assets.incidents import Deviation, Incident, Kind


def machine(incident: Incident) -> str:
    """`air compressor compressor-1 at metro`."""
    return f"{incident.equipment_type.replace('_', ' ')} {incident.equipment_id} at {incident.site}"


def moment(at: datetime) -> str:
    """`2020-04-18 00:14 UTC`."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


def duration(seconds: float | None) -> str:
    """`6.2 h`, `41 min`, `3.5 days`; `still standing` without an end."""
    if seconds is None:
        return "still standing"
    if seconds >= 48 * 3600:
        return f"{seconds / 86400:.1f} days"
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.0f} min"


def moved(deviation: Deviation) -> str:
    """`motor current (mean, PT1H) above its own baseline: 6.1 A against 3.9 A, +7.2 spreads`."""
    side = "above" if deviation.spreads > 0 else "below"
    unit = "" if deviation.unit == "1" else f" {deviation.unit}"
    return (
        f"{signal(deviation.signal)} {side} its own baseline: {deviation.mean:.4g}{unit} against "
        f"{deviation.baseline:.4g}{unit}, {deviation.spreads:+.1f} spreads"
    )


def signal(name: str) -> str:
    """`motor_current:mean:PT1H` as `motor current (mean, PT1H)`."""
    base, *window = name.split(":")
    return base.replace("_", " ") + (f" ({', '.join(window)})" if window else "")


def headline(incident: Incident) -> str:
    """What happened, to which machine and when, in one sentence."""
    if incident.kind is Kind.FINDING:
        return f"{machine(incident)} was unlike itself on {incident.happened_at:%Y-%m-%d}."
    said = f", {incident.message.rstrip('.')}" if incident.message else ""
    lasted = "still standing" if incident.duration_s is None else f"lasted {duration(incident.duration_s)}"
    return (
        f"{machine(incident)}: fault {incident.code} ({incident.level}){said}. "
        f"Raised {moment(incident.happened_at)}, {lasted}."
    )


def deviations(incident: Incident) -> list[str]:
    """A sentence for every deviating signal, strongest first."""
    return [f"{first_up(moved(one))}." for one in incident.deviations]


def first_up(sentence: str) -> str:
    """The sentence with a capital first letter; units keep their case."""
    return sentence[:1].upper() + sentence[1:]
