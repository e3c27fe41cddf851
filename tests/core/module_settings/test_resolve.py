"""Which value counts."""

from __future__ import annotations

from typing import Any

import pytest

from core.module_settings.resolve import PlatformValue, resolve
from core.sdk.core_data import SecretReference
from core.sdk.setting import SettingForm

_DAYS = SettingForm(type="integer", default=365, min=90, max=730)
_LOCKED = SettingForm(type="integer", default=5, locked=True)


@pytest.mark.parametrize(
    ("form", "platform", "tenant", "value", "source", "locked", "ignored"),
    [
        (_DAYS, None, {}, 365, "manifest", False, None),
        (_DAYS, None, {"key": 400}, 400, "tenant", False, None),
        (_DAYS, PlatformValue(200), {}, 200, "platform", False, None),
        (_DAYS, PlatformValue(200), {"key": 400}, 400, "tenant", False, None),
        (_DAYS, PlatformValue(200, locked=True), {"key": 400}, 200, "platform", True, "the platform has locked it"),
        (_DAYS, PlatformValue(None, locked=True), {"key": 400}, 365, "manifest", True, "the platform has locked it"),
        # A newer manifest may allow less than what was chosen or decided before.
        (_DAYS, None, {"key": 10}, 365, "manifest", False, "90 or more is expected"),
        (_DAYS, PlatformValue(10), {}, 365, "manifest", False, None),
        (_LOCKED, None, {"key": 9}, 5, "manifest", True, "the platform has locked it"),
        (_LOCKED, PlatformValue(None, locked=False), {"key": 9}, 9, "tenant", False, None),
    ],
)
def test_manifest_platform_tenant_in_this_order_unless_locked(
    form: SettingForm,
    platform: PlatformValue | None,
    tenant: dict[str, Any],
    value: object,
    source: str,
    locked: bool,
    ignored: str | None,
):
    decided = {} if platform is None else {"key": platform}

    one = resolve({"key": form}, decided, tenant)["key"]

    assert (one.value, one.source, one.locked, one.ignored) == (value, source, locked, ignored)


def test_of_a_secret_only_a_reference_is_told_and_what_no_form_declares_is_left_out():
    forms = {"token": SettingForm(type="secret")}

    assert resolve(forms, {}, {})["token"].value is None
    told = resolve(forms, {}, {"token": 3, "gone": 1})
    assert {key: one.value for key, one in told.items()} == {"token": SecretReference("token")}
