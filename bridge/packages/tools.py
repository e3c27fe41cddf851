"""What the platform may ask of the packages here; each call is checked on site as if nobody had checked it before."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bridge.calls import Caller, Handler
from bridge.packages.history import newest
from bridge.packages.incoming import Incoming
from bridge.packages.keep import Packages
from bridge.threads import in_thread
from core.contracts.package import MOST_BYTES, Sha256
from core.contracts.package_key import MOST_LINKS, KeyLink
from core.contracts.site import SiteFile
from core.errors import InputError

_HISTORY = 50
_Size = Annotated[int, Field(gt=0, le=MOST_BYTES)]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Whole(_Asked):
    sha256: Sha256
    bytes: _Size


class _Piece(_Whole):
    offset: int = Field(ge=0, le=MOST_BYTES)
    piece: str


class _Keys(_Asked):
    keys: list[KeyLink] = Field(min_length=1, max_length=MOST_LINKS)


class _Name(_Asked):
    name: str


A = TypeVar("A", bound=_Asked)


def package_tools(home: Path, site: SiteFile, bridge_id: str, most_bytes: int) -> dict[str, Handler]:
    """By name, for the link.

    Args:
        home: home folder.
        site: as the bridge runs with it.
        bridge_id: its name.
        most_bytes: size of the largest package that is taken.
    """
    packages, incoming = Packages(home, site, bridge_id), Incoming(home, most_bytes)

    async def trust(caller: Caller, raw: Mapping[str, Any]) -> dict[str, Any]:
        asked = _read(_Keys, raw)
        return {"trusted": await in_thread(packages.trusted.offered, asked.keys, caller.name)}

    async def piece(caller: Caller, raw: Mapping[str, Any]) -> dict[str, Any]:
        del caller
        asked = _read(_Piece, raw)
        try:
            content = base64.b64decode(asked.piece, validate=True)
        except ValueError as error:  # what is not ASCII is none either
            raise InputError("`piece` is wrong", expected="base64") from error
        return {"have": await in_thread(incoming.take, asked.sha256, asked.bytes, asked.offset, content)}

    async def install(caller: Caller, raw: Mapping[str, Any]) -> dict[str, Any]:
        asked = _read(_Whole, raw)
        packed = await in_thread(incoming.whole, asked.sha256, asked.bytes)
        return {"installed": await in_thread(packages.install, packed, caller.name)}

    async def rollback(caller: Caller, raw: Mapping[str, Any]) -> dict[str, Any]:
        return {"in_use": await in_thread(packages.rollback, _read(_Name, raw).name, caller.name)}

    async def list_(caller: Caller, raw: Mapping[str, Any]) -> dict[str, Any]:
        del caller, raw
        known, history = await in_thread(packages.list), await in_thread(newest, home, _HISTORY)
        told = {"packages": [asdict(one) for one in known], "history": [asdict(one) for one in history]}
        return told | {"trusted": await in_thread(packages.trusted.fingerprint)}

    return {
        "package_trust": trust,
        "package_piece": piece,
        "package_install": install,
        "package_rollback": rollback,
        "package_list": list_,
    }


def _read(form: type[A], raw: Mapping[str, Any]) -> A:
    try:
        return form.model_validate(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = ".".join(map(str, first["loc"]))
        raise InputError("arguments are wrong", expected=first["msg"], received=name) from error
