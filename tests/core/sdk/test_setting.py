from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from core.sdk.setting import SettingForm

_THRESHOLDS = {"critical": 90, "warning": 70}


@pytest.mark.parametrize(
    ("form", "value", "problem"),
    [
        ({"type": "integer", "default": 365, "min": 90, "max": 730}, 730, None),
        ({"type": "integer", "default": 365, "min": 90, "max": 730}, 731, "730 or less"),
        ({"type": "integer", "default": 365, "min": 90, "max": 730}, 89, "90 or more"),
        ({"type": "integer", "default": 1}, True, "whole number"),
        ({"type": "integer", "default": 1}, 1.0, "whole number"),
        ({"type": "integer", "default": 1}, "1", "whole number"),
        ({"type": "number", "default": 1}, 1.5, None),
        ({"type": "number", "default": 1}, float("nan"), "a number"),
        ({"type": "boolean", "default": False}, True, None),
        ({"type": "boolean", "default": False}, 1, "true or false"),
        ({"type": "string", "default": "15m", "options": ["1m", "15m"]}, "1m", None),
        ({"type": "string", "default": "15m", "options": ["1m", "15m"]}, "2m", "one of 1m, 15m"),
        ({"type": "string"}, "x" * 10_001, "10000 characters"),
        ({"type": "object", "default": _THRESHOLDS}, {"critical": 95.5, "warning": 60}, None),
        ({"type": "object", "default": _THRESHOLDS}, {"critical": 95}, "warning is missing"),
        ({"type": "object", "default": _THRESHOLDS}, {**_THRESHOLDS, "info": 1}, "unknown key info"),
        ({"type": "object", "default": _THRESHOLDS}, {**_THRESHOLDS, "warning": "70"}, "warning: a number"),
        ({"type": "object", "default": _THRESHOLDS}, [90, 70], "an object"),
        ({"type": "secret"}, "hunter2", None),
        ({"type": "secret"}, 2, "a text"),
    ],
)
def test_what_a_setting_may_be(form: dict[str, Any], value: object, problem: str | None):
    said = SettingForm.model_validate(form).problem_of(value)

    assert (said is None) if problem is None else (said is not None and problem in said)


@pytest.mark.parametrize(
    "form",
    [
        {"type": "integer"},
        {"type": "integer", "default": 5, "min": 6},
        {"type": "integer", "default": 5, "min": 6, "max": 4},
        {"type": "string", "default": "a", "min": 1},
        {"type": "integer", "default": 1, "options": ["1"]},
        {"type": "string", "default": "c", "options": ["a", "b"]},
        {"type": "secret", "default": "admin"},
        {"type": "secret", "locked": True},
        {"type": "boolean", "default": "yes"},
        {"type": "object", "default": []},
        {"type": "text", "default": ""},
    ],
)
def test_a_form_that_contradicts_itself_is_refused(form: dict[str, Any]):
    with pytest.raises(ValidationError):
        SettingForm.model_validate(form)
