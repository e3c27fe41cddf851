from __future__ import annotations

import copy
import io
import json
import pickle
import sys
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import asdict, dataclass

import pytest
from fastapi.encoders import jsonable_encoder

from core import log
from core.vault import Secret

_PLANTED = "planted-7f3a"
_SHOWS: list[Callable[[Secret], str]] = [
    repr,
    str,
    lambda secret: f"{secret}",
    lambda secret: f"{secret!r:>40}",
    lambda secret: f"{secret:s} %s" % secret,
    lambda secret: json.dumps({"a": secret}, default=str),
    lambda secret: str([secret, {"a": (secret,)}]),
    lambda secret: str(asdict(_Holder(secret))),
    lambda secret: repr(copy.deepcopy([secret])),
]


@dataclass(frozen=True)
class _Holder:
    secret: Secret


@pytest.mark.parametrize("show", _SHOWS)
def test_nothing_that_makes_text_shows_it(show: Callable[[Secret], str]):
    assert _PLANTED not in show(Secret(_PLANTED))


@pytest.mark.parametrize(
    "take",
    [json.dumps, pickle.dumps, jsonable_encoder, vars, hash, lambda secret: setattr(secret, "value", "x"), iter, len],
)
def test_what_would_carry_it_away_is_refused(take: Callable[[Secret], object]):
    with pytest.raises((TypeError, ValueError, AttributeError)) as refused:
        take(Secret(_PLANTED))

    assert _PLANTED not in str(refused.value)


def test_a_traceback_with_its_locals_and_a_log_line_hide_it():
    def fails(secret: Secret) -> None:
        holder = _Holder(secret)
        raise ValueError(f"with {holder} and {secret!r}")

    stream = io.StringIO()
    try:
        fails(Secret(_PLANTED))
    except ValueError:
        told = "".join(traceback.TracebackException(*sys.exc_info(), capture_locals=True).format())  # pyright: ignore[reportArgumentType]  an error is being handled
        with redirect_stderr(stream):
            log.configure("info")
            log.get_logger("test").exception("failed", action="test", secret=Secret(_PLANTED))

    assert "_Holder" in told and "Secret(hidden)" in stream.getvalue()
    assert _PLANTED not in told.replace(f'_PLANTED = "{_PLANTED}"', "") and _PLANTED not in stream.getvalue()


def test_it_is_read_and_compared_on_purpose_only():
    assert Secret("a").reveal() == "a"
    assert Secret("a") == Secret("a") != Secret("b")
    assert Secret("a") != "a"
