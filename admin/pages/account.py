"""*Akun saya*: who is logged in, and the change of the own password."""

from __future__ import annotations

from typing import Any

import structlog
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import URLEncodedBody
from litestar.response import Redirect, Template

from admin.http.access import Right, session_of
from admin.http.throttle import Throttle
from admin.pages.login import MAX_FORM_BYTES
from admin.pages.shared.layout import layout_for
from admin.people import users
from admin.people.permissions import Permission
from admin.people.users import Person
from admin.text.words import say
from engine.hub import Hub

CHANGED = "password_changed"  # key in the session: the next page says so, once

log = structlog.get_logger(__name__)


@get("/akun", opt={"right": Right.PERSON})
async def account_page(
    request: Request[Any, Any, Any], hub: NamedDependency[Hub], person: NamedDependency[Person]
) -> Template:
    """Show the person's role and clinic, and the form for a new password."""
    changed = bool(session_of(request).pop(CHANGED, False))
    return await _page(request, hub, person, changed=changed)


@post("/akun/sandi", opt={"right": Right.PERSON}, status_code=200, request_max_body_size=MAX_FORM_BYTES)
async def change_password(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    throttle: NamedDependency[Throttle],
    data: URLEncodedBody[dict[str, str] | None] = None,
) -> Template | Redirect:
    """Set the new password and end the person's other sessions, or report what is wrong."""
    form = data or {}
    problem = _problem(form)
    if problem:
        return await _page(request, hub, person, problem=problem, status=400)
    address = request.client.host if request.client else ""
    seconds = throttle.admit(person.name, address)
    if seconds:
        return await _page(request, hub, person, problem=say("login.throttled", seconds=seconds), status=429)
    version = await users.change_password(hub.database, person, form.get("old", ""), form["new"])
    if version is None:
        log.warning("password_change_refused", address=address)
        return await _page(request, hub, person, problem=say("account.wrong"), status=400)
    throttle.succeeded(person.name, address)
    session_of(request).update({"version": version, CHANGED: True})
    return Redirect("/akun", status_code=303)


def _problem(form: dict[str, str]) -> str:
    """Return what is wrong with the new password; empty if nothing is."""
    new = form.get("new", "")
    if len(new) < users.MIN_PASSWORD_CHARS:
        return say("login.begin.short", n=users.MIN_PASSWORD_CHARS)
    if new != form.get("again", ""):
        return say("login.begin.differs")
    return say("account.same") if new == form.get("old", "") else ""


async def _page(
    request: Request[Any, Any, Any],
    hub: Hub,
    person: Person,
    *,
    problem: str = "",
    changed: bool = False,
    status: int = 200,
) -> Template:
    context = {
        "frame": await layout_for(request, next(iter(hub.catalog.upstreams))),
        "role": await users.role_label(hub.database, person.role),
        "permissions": [permission for permission in Permission if person.may(permission)],
        "shortest": users.MIN_PASSWORD_CHARS,
        "problem": problem,
        "changed": changed,
    }
    return Template("first_run/account.html", context=context, status_code=status)
