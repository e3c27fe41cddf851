"""Errors as problem documents (RFC 9457), each with the correlation id the log has too."""

from __future__ import annotations

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from agents.api.headers import SAFE
from core.db.errors import FOREIGN
from core.errors import (
    DeniedError,
    GoldlayerError,
    InputError,
    NotFoundError,
    TooManyRequestsError,
    TransientError,
)
from core.log import get_logger

_log = get_logger("agents")


class UnauthenticatedError(DeniedError):
    """Nobody is signed in, or the sign-in was refused."""


_STATUS: tuple[tuple[type[GoldlayerError], int, str], ...] = (
    (UnauthenticatedError, 401, "Sign in first"),
    (InputError, 422, "The request is wrong"),
    (NotFoundError, 404, "Not found"),
    (DeniedError, 403, "Not allowed"),
    (TransientError, 503, "Not available right now"),
)
_IN_GENERAL = {
    422: "A value cannot be stored, or contradicts what is stored.",
    404: "There is no such thing.",
    503: "Try again in a moment.",
}
"""What is said of errors whose own words are for the log."""
_MORE = {401: {"www-authenticate": "Bearer"}, 503: {"retry-after": "5"}}
"""Headers that belong to a status."""


def install_problems(app: FastAPI) -> None:
    """Answer every error with a problem document."""
    app.add_exception_handler(GoldlayerError, _ours)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def problem(
    request: Request, status: int, title: str, detail: str, more: Mapping[str, str] | None = None
) -> JSONResponse:
    """One problem document; `more` are headers."""
    correlation = _correlation(request)
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, "correlation_id": correlation}
    # An unexpected error is answered outside of every middleware, so its headers are set here.
    headers = SAFE | {"x-correlation-id": correlation} | _MORE.get(status, {}) | dict(more or {})
    return JSONResponse(body, status_code=status, media_type="application/problem+json", headers=headers)


def _correlation(request: Request) -> str:
    return getattr(request.state, "correlation_id", "")


def _ours(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, TooManyRequestsError):
        wait = {"retry-after": str(math.ceil(error.retry_after_s))}
        return problem(request, 429, "Too many requests", error.sentence(), wait)
    found = next(((status, title) for kind, status, title in _STATUS if isinstance(error, kind)), None)
    if found is None:
        return _unexpected(request, error)
    status, title = found
    if not _said_by_a_server(error):
        ours = cast("GoldlayerError", error)
        return problem(request, status, title, ours.what if status == 401 else ours.sentence())
    if isinstance(error, DeniedError):
        return _unexpected(request, error)  # It refuses this service, not the person.
    _log.warning("request refused", action="http", correlation=_correlation(request), reason=str(error))
    return problem(request, status, title, _IN_GENERAL[status])


def _said_by_a_server(error: BaseException | None) -> bool:
    """The words are those of a database or the network, and may name what is behind this service."""
    while isinstance(error, DeniedError):
        error = error.__cause__
    return isinstance(error, (TransientError, *FOREIGN)) or isinstance(getattr(error, "__cause__", None), FOREIGN)


def _malformed(request: Request, error: Exception) -> JSONResponse:
    first = cast("RequestValidationError", error).errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return problem(request, 422, "The request is wrong", f"{place}: {first['msg']}")


def _http(request: Request, error: Exception) -> JSONResponse:
    raised = cast("HTTPException", error)
    answer = problem(request, raised.status_code, HTTPStatus(raised.status_code).phrase, str(raised.detail))
    answer.headers.update(raised.headers or {})
    return answer


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    correlation = _correlation(request)
    _log.error("request failed", action="http", path=request.url.path, correlation=correlation, exc_info=error)
    return problem(request, 500, "Something went wrong", "The service log has it under this correlation id.")
