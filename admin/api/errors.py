"""One shape for every error: {"error": {"code", "message", "where"?}}."""

from __future__ import annotations

from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from sqlalchemy.exc import InterfaceError, OperationalError, TimeoutError

from engine.errors import AntarError, NotFound, place_of

RETRY_AFTER = "5"
"""Seconds after which a HIS may try again while the database is away."""

AWAY = (OperationalError, InterfaceError, TimeoutError, OSError)
"""What is raised while the database does not answer."""

log = structlog.get_logger(__name__)


class ApiError(Exception):
    """An answer other than success; `message` says what would be right."""

    def __init__(self, status: int, code: str, message: str, where: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.where = where


def answer(status: int, code: str, message: str, where: str | None = None, **headers: str) -> Response[Any]:
    error = {"code": code, "message": message} | ({"where": where} if where else {})
    return Response({"error": error}, status_code=status, headers=headers, media_type="application/json")


def on_api_error(_: Request[Any, Any, Any], error: ApiError) -> Response[Any]:
    return answer(error.status, error.code, error.message, error.where)


def on_antar_error(_: Request[Any, Any, Any], error: AntarError) -> Response[Any]:
    return answer(404 if isinstance(error, NotFound) else 400, "not_found", str(error))


def on_http_exception(_: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    headers = dict(error.headers or {})
    return answer(error.status_code, "http", error.detail or "", None, **headers)


def on_database_error(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Nothing is promised while the database is away; its words stay in here, they may quote records."""
    log.warning("database_away", path=request.url.path, error=type(error).__name__)
    message = "the database does not answer; nothing was stored, try again"
    return answer(503, "unavailable", message, None, **{"Retry-After": RETRY_AFTER})


def on_any_error(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    log.error("request_broke", path=request.url.path, **place_of(error))
    return answer(500, "internal", "an error on our side; nothing of it is lost, please report it")


HANDLERS: dict[Any, Any] = {
    ApiError: on_api_error,
    AntarError: on_antar_error,
    HTTPException: on_http_exception,
    **dict.fromkeys(AWAY, on_database_error),
    Exception: on_any_error,
}
