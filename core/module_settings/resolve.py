"""Which value counts: manifest, platform, tenant, in this order, unless a lock stands before the tenant. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from core.sdk.core_data import SecretReference
from core.sdk.setting import SettingForm

Source = Literal["manifest", "platform", "tenant"]


@dataclass(frozen=True, slots=True)
class PlatformValue:
    """What the platform's administrator decided; None leaves it as the manifest has it."""

    value: Any = None
    locked: bool | None = None


@dataclass(frozen=True, slots=True)
class Effective:
    """The value of one setting and how it came about.

    Attributes:
        value: what counts; of a secret a reference, None while it is not set.
        source: who decided it.
        locked: a tenant cannot choose.
        ignored: why the tenant's own choice does not count, None if it does or there is none.
        form: what may be chosen.
    """

    key: str
    value: Any
    source: Source
    locked: bool
    ignored: str | None
    form: SettingForm


def resolve(
    forms: Mapping[str, SettingForm], platform: Mapping[str, PlatformValue], tenant: Mapping[str, Any]
) -> dict[str, Effective]:
    """Every setting of a module.

    A choice that a later lock forbids, or that a later version of the form does not allow, stays stored, does not
    count, and says so.

    Args:
        forms: by key, as the manifest declares them.
        platform: the administrator's decisions by key.
        tenant: the tenant's choices by key.
    """
    return {key: _one(key, form, platform.get(key), tenant) for key, form in forms.items()}


def _one(key: str, form: SettingForm, platform: PlatformValue | None, tenant: Mapping[str, Any]) -> Effective:
    locked = is_locked(form, platform)
    value, source = _base(form, platform)
    if key not in tenant:
        return Effective(key, value, source, locked, None, form)
    if form.type == "secret":
        return Effective(key, SecretReference(key), "tenant", locked, None, form)
    problem = "the platform has locked it" if locked else form.problem_of(tenant[key])
    if problem is not None:
        return Effective(key, value, source, locked, problem, form)
    return Effective(key, tenant[key], "tenant", locked, None, form)


def _base(form: SettingForm, platform: PlatformValue | None) -> tuple[Any, Source]:
    if platform is None or platform.value is None or form.problem_of(platform.value) is not None:
        return form.default, "manifest"
    return platform.value, "platform"


def is_locked(form: SettingForm, platform: PlatformValue | None) -> bool:
    """Whether a tenant cannot choose; the administrator's word stands over the manifest's."""
    return form.locked if platform is None or platform.locked is None else platform.locked
