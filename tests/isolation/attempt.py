"""One attempt at one door, and what comes of it as an answer the detector can read."""

from __future__ import annotations

import base64
import dataclasses
import json
import re
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
from pydantic import BaseModel

from core.errors import GoldlayerError
from tests.isolation.detector import Answer, Detector, Leak

_OWN_CLOCK = {"date", "x-correlation-id"}
_COOKIE_NEW = re.compile(r"glr_[\w-]+|expires=[^;]+|goldlayer_sign_in=[^;]+")
# A duration with its name: the figure alone, 4, would also be masked inside other figures.
_STREAM_NEW = re.compile(
    r'"duration_ms": ?[\d.]+|(?<="session_id": ")[\w.-]+|(?<="call_id": ")[\w.-]+|(?<="id": ")[\w.-]+'
)
_SAML_NEW = re.compile(r"\bID=\S+|IssueInstant=\S+")
_OWN_TIME = timedelta(hours=1)
"""A moment as young as this was stamped by the call itself."""


@dataclasses.dataclass(frozen=True, slots=True)
class Attempt:
    """Somebody of A asks a door for something.

    Attributes:
        door: `<room>.<call>`.
        technique: how it is tried.
        asked: the input; what names B's things in it is also asked for with a stranger's names.
        call: asks; gets the input.
        most: rows A has behind this door; more are B's, whatever they look like.
        refused: nobody may get in this way, whatever is behind the door.
        own: A asks for what is its own and must get it: where everybody is refused, refusals show nothing.
        openly: whether a name exists is no secret at this door, only what is behind it; the entry says why.
    """

    door: str
    technique: str
    asked: str
    call: Callable[[str], Awaitable[Any]]
    most: int | None = None
    refused: bool = False
    own: bool = False
    openly: bool = False


async def ask(attempt: Attempt, asked: str) -> tuple[Answer, Any]:
    """Ask once; an exception is an answer as well."""
    try:
        value = await attempt.call(asked)
    except GoldlayerError as error:
        facts = {**vars(error), "class": type(error).__qualname__, "message": str(error)}
        return Answer("refused", as_text(facts)), None
    except Exception as error:
        return Answer("crashed", as_text({"class": type(error).__qualname__, "message": str(error)})), None
    return seen(value), value


def seen(value: Any) -> Answer:
    """What a returned value shows."""
    if isinstance(value, httpx.Response):
        headers = {name: text for name, text in value.headers.items() if name not in _OWN_CLOCK}
        if "SAMLRequest=" in headers.get("location", ""):
            headers["location"] = _saml_request(headers["location"])
        # A body that is as long as what was asked for says nothing by its length.
        headers.pop("content-length", None)
        kind = "crashed" if value.status_code >= 500 else "value"
        shown = {"status": value.status_code, "headers": headers, "body": _body(value)}
        return Answer(kind, as_text(shown), _new_each_time(value))
    return Answer("value", as_text(value))


def _new_each_time(response: httpx.Response) -> tuple[str, ...]:
    """Correlation id; id and secret of a new session, API key or invitation, its times; of a request for sign-on."""
    cookies = _COOKIE_NEW.findall("\n".join(response.headers.get_list("set-cookie")))
    opened = response.is_success and any(one.startswith("glr_") for one in cookies)
    session = [str(response.json()["session_id"])] if opened else []
    if response.headers.get("content-type", "").startswith("text/event-stream"):
        session += _STREAM_NEW.findall(response.text)
    made = response.json() if response.status_code == 201 else {}
    session += [made[name] for name in ("id", "key", "link", "expires_at") if name in made]
    if "token" in made:  # who accepts an invitation is another one each time
        session.append(jwt.decode(made["token"], options={"verify_signature": False})["sub"])
    request = _SAML_NEW.findall(_saml_request(response.headers.get("location", "")))
    return tuple(filter(None, [response.headers.get("x-correlation-id"), *cookies, *session, *request]))


def _saml_request(location: str) -> str:
    """An address with its SAML request as one reads it."""
    packed = parse_qs(urlsplit(location).query).get("SAMLRequest", [])
    texts = [zlib.decompress(base64.b64decode(one), -15).decode() for one in packed]
    return f"{location.partition('SAMLRequest=')[0]} {' '.join(texts)}"


def _body(response: httpx.Response) -> Any:
    """What is in the body; two of the same differ in nothing but their clocks."""
    try:
        return response.json()
    except ValueError:
        return response.text


async def leaks_of(attempt: Attempt, detector: Detector) -> list[Leak]:
    """Try it, and its twin if it names something of B."""
    answer, value = await ask(attempt, attempt.asked)
    why = [f"shows {mark!r}" for mark in detector.traces(answer, attempt.asked)]
    if answer.kind == "crashed":
        why.append("breaks with an error that is not ours")
    if attempt.most is not None and isinstance(value, list) and len(value) > attempt.most:
        why.append(f"gives {len(value)} rows where A has {attempt.most}")
    if attempt.refused and answer.kind == "value" and not _is_refusal(value):
        why.append("lets in who must stay outside")
    if attempt.own and (answer.kind != "value" or _is_refusal(value)):
        why.append("keeps A from its own, so that it shows nothing to refuse it the rest")
    never = detector.never(attempt.asked)
    if never != attempt.asked and not attempt.openly:
        stranger, _ = await ask(attempt, never)
        if difference := detector.differs(answer, stranger):
            why.append(f"answers {difference}")
    return [Leak(attempt.door, attempt.technique, attempt.asked, one, answer.text) for one in why]


def _is_refusal(value: Any) -> bool:
    return isinstance(value, httpx.Response) and value.status_code >= 400


async def look(attempts: Iterable[Attempt]) -> AsyncIterator[tuple[Attempt, Answer]]:
    """Answers in order, for those who compare them with later ones."""
    for attempt in attempts:
        yield attempt, (await ask(attempt, attempt.asked))[0]


def as_text(value: Any) -> str:
    """Everything in a value as lines `path = text`, in a fixed order, nothing escaped."""
    return "\n".join(_lines("", value))


def _lines(path: str, value: Any) -> list[str]:
    if isinstance(value, BaseModel):
        value = value.model_dump()
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return [line for key in value for line in _lines(f"{path}.{key}", value[key])]
    if isinstance(value, set | frozenset):
        value = sorted(value, key=str)
    if isinstance(value, list | tuple):
        return [line for place, one in enumerate(value) for line in _lines(f"{path}[{place}]", one)]
    if isinstance(value, str) and value.startswith("eyJ") and value.count(".") == 2:
        return _lines(f"{path}.claims", _claims(value))
    if isinstance(value, float):
        value = f"{value:.9g}"  # sums over several threads differ in their last digits
    if isinstance(value, bytes):
        value = f"{value.hex()} {value.decode('utf-8', 'replace')}"
    if isinstance(value, datetime) and value.tzinfo is not None and abs(datetime.now(UTC) - value) < _OWN_TIME:
        value = "‹now›"
    return [f"{path} = {value}"]


def _claims(token: str) -> Any:
    """What a token says, without what every new one has of its own."""
    body = token.split(".")[1]
    try:
        told = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except ValueError:
        return "not a token"
    return {name: one for name, one in told.items() if name not in ("iat", "exp", "nbf", "jti")}
