"""Error responses by reader: JSON for programs, a page for people, a redirect to the login for htmx."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException, NotAuthorizedException
from litestar.response import Redirect, Template

from admin.http import api_errors
from admin.text.words import say

PROGRAM_PATHS = ("/api/", "/health/", "/metrics", "/schema")  # these answer with JSON, all others with pages
MESSAGE_KEYS = {  # by status; every other status is an error on our side
    400: "error.bad_request",
    403: "error.forbidden",
    404: "error.not_found",
    405: "error.bad_request",
    413: "error.too_large",
    503: "error.unavailable",
}


def _on_http(request: Request[Any, Any, Any], error: HTTPException) -> Any:
    if _is_for_program(request):
        return api_errors.on_http_exception(request, error)
    if isinstance(error, NotAuthorizedException):
        return _to_login(request)
    return _page(error.status_code, reason(error))


def reason(error: HTTPException) -> str:
    """Return the message for a person; if a permission is lacking, name it and the people who can grant it."""
    if isinstance(error.extra, dict) and "lacking" in error.extra:
        return lacking(error.extra["lacking"], error.extra["ask"])
    return status_message(error.status_code)


def lacking(permission: str, ask: Sequence[str]) -> str:
    """Name the permission that is lacking, and the people who can grant it."""
    names = ", ".join(ask) or say("error.nobody")
    return say("error.lacking", permission=say(f"permission.{permission}"), ask=names)


def status_message(status: int) -> str:
    return say(MESSAGE_KEYS.get(status, "error.internal"))


def status_of(request: Any, error: Exception) -> int:
    """Log an unexpected error, and return the status to answer with."""
    answer = api_errors.on_database_error if isinstance(error, api_errors.AWAY) else api_errors.on_any_error
    return answer(request, error).status_code or 500


def _on_database(request: Request[Any, Any, Any], error: Exception) -> Any:
    answer = api_errors.on_database_error(request, error)
    return answer if _is_for_program(request) else _page(answer.status_code or 500)


def _on_any(request: Request[Any, Any, Any], error: Exception) -> Any:
    answer = api_errors.on_any_error(request, error)
    return answer if _is_for_program(request) else _page(answer.status_code or 500)


def _to_login(request: Request[Any, Any, Any]) -> Any:
    # htmx would put the login page into the middle of the current page; the header makes the browser leave the page.
    if "hx-request" in request.headers:
        return Response(b"", headers={"HX-Redirect": "/login"}, status_code=204)
    return Redirect("/login", status_code=303)


def _page(status: int, message: str = "") -> Any:
    # "passing" suggests to try again: what broke may work in a moment, what does not exist will not.
    context = {"message": message or status_message(status), "passing": status >= 500}
    return Template("shared/error.html", context=context, status_code=status)


def _is_for_program(request: Request[Any, Any, Any]) -> bool:
    return request.url.path.startswith(PROGRAM_PATHS)


HANDLERS: dict[Any, Any] = {
    **api_errors.HANDLERS,
    HTTPException: _on_http,
    **dict.fromkeys(api_errors.AWAY, _on_database),
    Exception: _on_any,
}
