"""Errors as their reader can take them: JSON for programs, a page for people, a way to the login for htmx."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException, NotAuthorizedException
from litestar.response import Redirect, Template

from admin.http import api_errors
from admin.text.words import say

MACHINES = ("/api/", "/health/", "/metrics", "/schema")
"""Where programs ask: they get JSON, people get pages."""
WORDS = {
    400: "error.bad_request",
    403: "error.forbidden",
    404: "error.not_found",
    405: "error.bad_request",
    413: "error.too_large",
    503: "error.unavailable",
}
"""Status -> what a person is told; of anything else that it is our fault."""


def _on_http(request: Request[Any, Any, Any], error: HTTPException) -> Any:
    if _is_machine(request):
        return api_errors.on_http_exception(request, error)
    if isinstance(error, NotAuthorizedException):
        return _to_login(request)
    return _page(error.status_code, reason(error))


def reason(error: HTTPException) -> str:
    """What a person is told; of a lacking permission also which it is and who may grant it."""
    if isinstance(error.extra, dict) and "lacking" in error.extra:
        return lacking(error.extra["lacking"], error.extra["ask"])
    return told(error.status_code)


def lacking(permission: str, ask: Sequence[str]) -> str:
    """Which permission is lacking, and who may grant it."""
    who = ", ".join(ask) or say("error.nobody")
    return say("error.lacking", permission=say(f"permission.{permission}"), ask=who)


def told(status: int) -> str:
    """A status in words."""
    return say(WORDS.get(status, "error.internal"))


def status_of(request: Any, error: Exception) -> int:
    """Log what broke, and say with which status to answer."""
    answer = api_errors.on_database_error if isinstance(error, api_errors.AWAY) else api_errors.on_any_error
    return answer(request, error).status_code or 500


def _on_database(request: Request[Any, Any, Any], error: Exception) -> Any:
    answer = api_errors.on_database_error(request, error)
    return answer if _is_machine(request) else _page(answer.status_code or 500)


def _on_any(request: Request[Any, Any, Any], error: Exception) -> Any:
    answer = api_errors.on_any_error(request, error)
    return answer if _is_machine(request) else _page(answer.status_code or 500)


def _to_login(request: Request[Any, Any, Any]) -> Any:
    """htmx would put the login page into the middle of the page that asked; the header makes it leave."""
    if "hx-request" in request.headers:
        return Response(b"", headers={"HX-Redirect": "/login"}, status_code=204)
    return Redirect("/login", status_code=303)


def _page(status: int, message: str = "") -> Any:
    """What to do next: what broke may work in a moment, what is not there will not."""
    context = {"message": message or told(status), "passing": status >= 500}
    return Template("shared/error.html", context=context, status_code=status)


def _is_machine(request: Request[Any, Any, Any]) -> bool:
    return request.url.path.startswith(MACHINES)


HANDLERS: dict[Any, Any] = {
    **api_errors.HANDLERS,
    HTTPException: _on_http,
    **dict.fromkeys(api_errors.AWAY, _on_database),
    Exception: _on_any,
}
