"""What the platform may ask of the packages here; each call is checked on site as if nobody had checked it before."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bridge.calls import Caller, Handler
from bridge.packages.keep import Packages
from bridge.threads import in_thread
from core.contracts.site import SiteFile
from core.errors import InputError

_HISTORY = 50


def package_tools(home: Path, site: SiteFile) -> dict[str, Handler]:
    """By name, for the link."""
    packages = Packages(home, site)

    async def install(caller: Caller, raw: Mapping[str, Any]) -> dict[str, Any]:
        try:
            packed = base64.b64decode(_text(raw, "package"), validate=True)
        except ValueError as error:  # what is not ASCII is none either
            raise InputError("`package` is wrong", expected="base64") from error
        return {"installed": await in_thread(packages.install, packed, caller.name)}

    async def rollback(caller: Caller, raw: Mapping[str, Any]) -> dict[str, Any]:
        return {"in_use": await in_thread(packages.rollback, _text(raw, "name"), caller.name)}

    async def list_(caller: Caller, raw: Mapping[str, Any]) -> dict[str, Any]:
        del caller, raw
        known, history = await in_thread(packages.list), await in_thread(packages.history, _HISTORY)
        return {"packages": [asdict(one) for one in known], "history": [asdict(one) for one in history]}

    return {"package_install": install, "package_rollback": rollback, "package_list": list_}


def _text(raw: Mapping[str, Any], name: str) -> str:
    value = raw.get(name)
    if set(raw) != {name} or not isinstance(value, str):
        raise InputError("arguments are wrong", expected=f"one text, {name!r}")
    return value
