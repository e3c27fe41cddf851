"""Errors as problem documents (RFC 9457), each with the correlation id the log has too."""

from __future__ import annotations

from typing import cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from agents.api.headers import SAFE
from core.errors import DeniedError, GoldlayerError, InputError, NotFoundError, TransientError
from core.log import get_logger

_log = get_logger("agents")
_STATUS: tuple[tuple[type[GoldlayerError], int, str], ...] = (
    (InputError, 422, "The request is wrong"),
    (NotFoundError, 404, "Not found"),
    (DeniedError, 403, "Not allowed"),
    (TransientError, 503, "Not available right now"),
)


class UnauthenticatedError(DeniedError):
    """Nobody is signed in, or the sign-in was refused."""


def install_problems(app: FastAPI) -> None:
    """Answer every error with a problem document."""
    app.add_exception_handler(GoldlayerError, _ours)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def problem(request: Request, status: int, title: str, detail: str) -> JSONResponse:
    """One problem document."""
    correlation = getattr(request.state, "correlation_id", "")
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, "correlation_id": correlation}
    # An unexpected error is answered outside of every middleware, so its headers are set here.
    headers = SAFE | {"x-correlation-id": correlation} | ({"www-authenticate": "Bearer"} if status == 401 else {})
    return JSONResponse(body, status_code=status, media_type="application/problem+json", headers=headers)


def _ours(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, UnauthenticatedError):
        return problem(request, 401, "Sign in first", error.what)
    for kind, status, title in _STATUS:
        if isinstance(error, kind):
            return problem(request, status, title, str(error))
    return _unexpected(request, error)


def _malformed(request: Request, error: Exception) -> JSONResponse:
    first = cast("RequestValidationError", error).errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    return problem(request, 422, "The request is wrong", f"{place}: {first['msg']}")


def _http(request: Request, error: Exception) -> JSONResponse:
    raised = cast("HTTPException", error)
    return problem(request, raised.status_code, str(raised.detail), str(raised.detail))


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    correlation = getattr(request.state, "correlation_id", "")
    _log.error("request failed", action="http", path=request.url.path, correlation=correlation, exc_info=error)
    return problem(request, 500, "Something went wrong", "The service log has it under this correlation id.")
