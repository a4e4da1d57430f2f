"""Form for the first administrator of a fresh installation. Its setup token is printed in the server's terminal."""

from __future__ import annotations

import hmac
from typing import Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import URLEncodedBody
from litestar.response import Redirect, Template

from admin.http.access import Right
from admin.http.parameters import Text
from admin.http.throttle import Throttle
from admin.pages.login import MAX_FORM_BYTES, enter
from admin.people import administrators, users
from admin.text.words import say
from engine.hub import Hub

MAX_NAME_CHARACTERS = 100


@get("/mulai", opt={"right": Right.OPEN})
async def begin_page(hub: NamedDependency[Hub], kunci: Text = "") -> Template | Redirect:
    """Show the form while there is no account; `kunci` is the setup token."""
    if await users.anybody(hub.database):
        return Redirect("/", status_code=303)
    return _form({"token": kunci})


@post("/mulai", opt={"right": Right.OPEN}, status_code=200, request_max_body_size=MAX_FORM_BYTES)
async def begin(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    throttle: NamedDependency[Throttle],
    data: URLEncodedBody[dict[str, str] | None] = None,
) -> Template | Redirect:
    """Create the account and log it in; if two people submit at once, only one succeeds."""
    form = data or {}
    name, password = form.get("name", "").replace("\x00", "").strip()[:MAX_NAME_CHARACTERS], form.get("password", "")
    seconds = throttle.admit("", request.client.host if request.client else "")
    problem = say("login.throttled", seconds=seconds) if seconds else _problem(hub, form, name)
    if not problem:
        try:
            await administrators.add_first(hub.database, name, password)
        except administrators.UserExists:
            problem = say("login.begin.late")
    person = None if problem else await users.verify(hub.database, name, password)
    return enter(request, hub, person) if person else _form(form, problem, 400)


def _problem(hub: Hub, form: dict[str, str], name: str) -> str:
    password = form.get("password", "")
    token = administrators.setup_token(hub.settings)
    if not hmac.compare_digest(form.get("token", "").strip().encode(), token.encode()):
        return say("login.begin.wrong_token")
    if not name:
        return say("login.begin.unnamed")
    if len(password) < users.MIN_PASSWORD_CHARS:
        return say("login.begin.short", n=users.MIN_PASSWORD_CHARS)
    return "" if password == form.get("again", "") else say("login.begin.differs")


def _form(form: dict[str, str], problem: str = "", status: int = 200) -> Template:
    kept = {"name": form.get("name", ""), "token": form.get("token", "")}
    return Template(
        "first_run/first_run.html",
        context={**kept, "problem": problem, "shortest": users.MIN_PASSWORD_CHARS},
        status_code=status,
    )
