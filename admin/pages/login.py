"""Log in and out. All pages share one session."""

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

# Anyone can post this form, so it must not take much work.
MAX_FORM_BYTES = 16_384

log = structlog.get_logger(__name__)


@get("/login", opt={"right": Right.OPEN})
async def login_page(hub: NamedDependency[Hub]) -> Template | Redirect:
    """Show the form; on a fresh installation redirect to that of the first administrator."""
    if not await users.anybody(hub.database):
        return Redirect("/mulai", status_code=303)
    return Template("first_run/login.html", context={"problem": "", "name": ""})


@post("/login", opt={"right": Right.OPEN}, status_code=200, request_max_body_size=MAX_FORM_BYTES)
async def login(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    throttle: NamedDependency[Throttle],
    data: URLEncodedBody[dict[str, str]],
) -> Template | Redirect:
    """Begin a session, or report that name or password is wrong without saying which."""
    name, address = data.get("name", "").strip(), request.client.host if request.client else ""
    seconds = throttle.admit(name, address)
    if seconds:
        return _refuse(name, say("login.throttled", seconds=seconds), 429)
    person = await users.verify(hub.database, name, data.get("password", ""))
    if person is None:
        log.warning("login_failed", address=address)
        return _refuse(name, say("login.wrong"), 401)
    throttle.succeeded(name, address)
    return enter(request, hub, person)


def enter(request: Request[Any, Any, Any], hub: Hub, person: Person) -> Redirect:
    """Begin the session of a person whose password was verified."""
    session = session_of(request)
    session.clear()  # nothing set before the login may survive it
    now = hub.database.clock()
    session.update(user=person.id, version=person.session_version, at=now, seen=now)
    return Redirect("/", status_code=303)


@post("/logout", opt={"right": Right.PERSON}, status_code=303)
async def logout(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    data: URLEncodedBody[dict[str, str] | None] = None,
) -> Redirect:
    """End the session; with `everywhere=yes` also the person's sessions on all other devices."""
    session_of(request).clear()
    if data and data.get("everywhere") == "yes":
        await users.end_sessions(hub.database, person)
    return Redirect("/login", status_code=303)


def _refuse(name: str, problem: str, status: int) -> Template:
    return Template("first_run/login.html", context={"problem": problem, "name": name}, status_code=status)
