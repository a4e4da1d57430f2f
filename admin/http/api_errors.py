"""Error responses of the API, all of one shape: {"error": {"code", "message", "where"?}}."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, TimeoutError

from admin.http.request_log import route_of
from admin.text.words import api_sentence
from engine.database.database import is_full
from engine.errors import AntarError, NotFound, place_of

# Seconds until a HIS should try again while the database does not answer or the memory for bodies is in use.
RETRY_AFTER_SECONDS = "5"

# Raised while the database does not answer. A DBAPIError may also mean a fault of ours: see `is_away`.
AWAY = (OperationalError, InterfaceError, TimeoutError, OSError, DBAPIError)
# SQLSTATE of PostgreSQL: connection, collision, resources (disk, connections), lock, shutdown and start-up, system.
AWAY_STATES = ("08", "40", "53", "55P03", "57", "58")
FULL = "the disk of the database is full; nothing was stored, make room on it and try again"

log = structlog.get_logger(__name__)


class ApiError(Exception):
    """Response other than success; `message` says what would be right."""

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
    headers = {"Retry-After": RETRY_AFTER_SECONDS} if error.status == 503 else {}
    return answer(error.status, error.code, error.message, error.where, **headers)


def on_antar_error(_: Request[Any, Any, Any], error: AntarError) -> Response[Any]:
    status = 404 if isinstance(error, NotFound) else 400
    return answer(status, _code(status), api_sentence(str(error)) or "")


def on_http_exception(_: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    code, headers = _code(error.status_code), dict(error.headers or {})
    if isinstance(error, ValidationException) and isinstance(error.extra, list) and error.extra:
        fault = error.extra[0]  # Litestar's detail would repeat the whole address
        return answer(400, code, str(fault["message"]), fault.get("key", "").strip("_"), **headers)
    return answer(error.status_code, code, error.detail, None, **headers)


def is_away(error: Exception) -> bool:
    """Return True if the database does not answer, False if it refused a statement of ours."""
    if not isinstance(error, DBAPIError) or isinstance(error, (OperationalError, InterfaceError)):
        return True
    state = str(getattr(error.orig, "sqlstate", None) or "")
    return error.connection_invalidated or state.startswith(AWAY_STATES)


def on_database_error(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Answer 503 if the database does not answer, 500 otherwise."""
    # The database's own message goes neither into the answer nor into the log: it may quote records.
    if not is_away(error):
        return on_any_error(request, error)
    full = is_full(error)
    log.warning("database_full" if full else "database_away", route=route_of(request.scope), error=type(error).__name__)
    message = FULL if full else "the database does not answer; nothing was stored, try again"
    return answer(503, "unavailable", message, None, **{"Retry-After": RETRY_AFTER_SECONDS})


def on_any_error(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    log.error("request_broke", route=route_of(request.scope), **place_of(error))
    return answer(500, "internal", "an error on our side; nothing of it is lost, please report it")


def _code(status: int) -> str:
    return HTTPStatus(status).name.lower()


HANDLERS: dict[Any, Any] = {
    ApiError: on_api_error,
    AntarError: on_antar_error,
    HTTPException: on_http_exception,
    **dict.fromkeys(AWAY, on_database_error),
    Exception: on_any_error,
}
