"""Logging in and out; one session for our pages and those to come."""

from __future__ import annotations

from typing import Any

import structlog
from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import URLEncodedBody
from litestar.response import Redirect, Template

from admin.http.access import Right, session_of
from admin.http.throttle import Throttle
from admin.people import users
from admin.people.users import Person
from admin.text.words import say
from engine.hub import Hub

LARGEST_FORM = 16_384
"""Bytes of a login at most: whoever is not known yet shall not keep us busy."""

log = structlog.get_logger(__name__)


@get("/login", opt={"right": Right.OPEN}, include_in_schema=False)
async def login_page(hub: NamedDependency[Hub]) -> Template | Redirect:
    """The form; on a fresh installation that of the first administrator."""
    if not await users.anybody(hub.database):
        return Redirect("/mulai", status_code=303)
    return Template("first_run/login.html", context={"problem": ""})


@post("/login", opt={"right": Right.OPEN}, include_in_schema=False, status_code=200, request_max_body_size=LARGEST_FORM)
async def login(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    throttle: NamedDependency[Throttle],
    data: URLEncodedBody[dict[str, str]],
) -> Template | Redirect:
    """Begin a new session, or say that name or password is wrong without saying which."""
    name, address = data.get("name", "").strip(), request.client.host if request.client else ""
    seconds = throttle.admit(name, address)
    if seconds:
        return _refuse(say("login.throttled", seconds=seconds), 429)
    known = await users.verify(hub.database, name, data.get("password", ""))
    if known is None:
        log.warning("login_failed", address=address)
        return _refuse(say("login.wrong"), 401)
    throttle.succeeded(name, address)
    return enter(request, hub, known)


def enter(request: Request[Any, Any, Any], hub: Hub, known: Person) -> Redirect:
    """Begin the session of somebody who has proved to be it."""
    session = session_of(request)
    session.clear()  # what was put into a session before the login does not live on in it
    now = hub.database.clock()
    session.update(user=known.id, version=known.session_version, at=now, seen=now)
    return Redirect("/", status_code=303)


@post("/logout", opt={"right": Right.PERSON}, include_in_schema=False, status_code=303)
async def logout(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    data: URLEncodedBody[dict[str, str] | None] = None,
) -> Redirect:
    """End the session; with `everywhere=yes` those on every other device too."""
    session_of(request).clear()
    if data and data.get("everywhere") == "yes":
        await users.end_sessions(hub.database, person)
    return Redirect("/login", status_code=303)


def _refuse(problem: str, status: int) -> Template:
    return Template("first_run/login.html", context={"problem": problem}, status_code=status)
