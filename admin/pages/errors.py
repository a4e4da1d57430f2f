"""Error responses by reader: JSON for programs, a page for people, a redirect to the login for htmx."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog
from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException, NotAuthorizedException
from litestar.response import Redirect, Template
from litestar.types import Scope

from admin.http import api_errors
from admin.http.access import Connection, hub_of, logged_in
from admin.pages.shared.layout import layout_for
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

log = structlog.get_logger(__name__)


class NoClinic(Exception):
    """The page shows a clinic, and there is none yet: the answer leads to the steps of the setup."""


async def add_frame(error: Exception, scope: Scope) -> None:
    """Store the frame for the page of an error (a hook of Litestar); there is none for who is not logged in."""
    if scope["path"].startswith(PROGRAM_PATHS) or isinstance(error, NotAuthorizedException):
        return
    scope.setdefault("path_params", {})  # an address without a route has none
    connection: Connection = ASGIConnection(scope)
    try:
        # What broke the page may break the frame, too; then the message is shown alone.
        await _store_frame(connection)
    except Exception as broken:
        log.warning("error_page_without_frame", error=type(broken).__name__)


async def _store_frame(connection: Connection) -> None:
    state, upstreams = connection.scope["state"], hub_of(connection).catalog.upstreams
    if "person" not in state:
        person = await logged_in(connection)
        if person is None:
            return
        state["person"] = person
    named = str(connection.path_params.get("upstream", ""))
    state["frame"] = await layout_for(connection, named if named in upstreams else next(iter(upstreams)))


def _on_http(request: Request[Any, Any, Any], error: HTTPException) -> Any:
    if _is_for_program(request):
        return api_errors.on_http_exception(request, error)
    if isinstance(error, NotAuthorizedException):
        return _to_login(request)
    return _page(request, error.status_code, reason(error))


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
    return answer if _is_for_program(request) else _page(request, answer.status_code or 500)


def _on_no_clinic(request: Request[Any, Any, Any], error: NoClinic) -> Redirect:
    return Redirect("/", status_code=303)


def _on_any(request: Request[Any, Any, Any], error: Exception) -> Any:
    answer = api_errors.on_any_error(request, error)
    return answer if _is_for_program(request) else _page(request, answer.status_code or 500)


def _to_login(request: Request[Any, Any, Any]) -> Any:
    # htmx would put the login page into the middle of the current page; the header makes the browser leave the page.
    if "hx-request" in request.headers:
        return Response(b"", headers={"HX-Redirect": "/login"}, status_code=204)
    return Redirect("/login", status_code=303)


def _page(request: Request[Any, Any, Any], status: int, message: str = "") -> Any:
    frame = request.scope["state"].get("frame")
    context = {**page_context(status, message or status_message(status)), "frame": frame}
    return Template("shared/error.html" if frame else "shared/error_alone.html", context=context, status_code=status)


def page_context(status: int, message: str) -> dict[str, Any]:
    """Return the context of the page of an error, without its frame."""
    # "passing" suggests to try again: what broke may work in a moment, what does not exist will not.
    return {"message": message, "passing": status >= 500}


def _is_for_program(request: Request[Any, Any, Any]) -> bool:
    return request.url.path.startswith(PROGRAM_PATHS)


HANDLERS: dict[Any, Any] = {
    **api_errors.HANDLERS,
    HTTPException: _on_http,
    NoClinic: _on_no_clinic,
    **dict.fromkeys(api_errors.AWAY, _on_database),
    Exception: _on_any,
}
