"""The JSON arguments a model wrote, read without trusting them."""

from __future__ import annotations

import json
from typing import Any, cast


def read_arguments(text: str) -> dict[str, Any]:
    """Arguments as an object; what is not one becomes `{"_malformed": text}`, which every schema refuses by name."""
    try:
        value = json.loads(text or "{}")
    except json.JSONDecodeError:
        return {"_malformed": text}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {"_malformed": text}
