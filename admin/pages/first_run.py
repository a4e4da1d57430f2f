"""The first administrator of a fresh installation, made by whoever can read the terminal it was started in."""

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
from admin.pages.login import LARGEST_FORM, enter
from admin.people import administrators, users
from admin.text.words import say
from engine.hub import Hub

LONGEST_NAME = 100


@get("/mulai", opt={"right": Right.OPEN}, include_in_schema=False)
async def begin_page(hub: NamedDependency[Hub], kunci: Text = "") -> Template | Redirect:
    """The form, as long as there is nobody; `kunci` is the setup token."""
    if await users.anybody(hub.database):
        return Redirect("/", status_code=303)
    return _form({"token": kunci})


@post("/mulai", opt={"right": Right.OPEN}, include_in_schema=False, status_code=200, request_max_body_size=LARGEST_FORM)
async def begin(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    throttle: NamedDependency[Throttle],
    data: URLEncodedBody[dict[str, str] | None] = None,
) -> Template | Redirect:
    """Make the account and log it in; of two at once one comes too late."""
    said = data or {}
    name, password = said.get("name", "").replace("\x00", "").strip()[:LONGEST_NAME], said.get("password", "")
    seconds = throttle.admit("", request.client.host if request.client else "")
    problem = say("login.throttled", seconds=seconds) if seconds else _problem(hub, said, name)
    if not problem:
        try:
            await administrators.add_first(hub.database, name, password)
        except administrators.TooLate:
            problem = say("login.begin.late")
    known = None if problem else await users.verify(hub.database, name, password)
    return enter(request, hub, known) if known else _form(said, problem, 400)


def _problem(hub: Hub, said: dict[str, str], name: str) -> str:
    password = said.get("password", "")
    if not hmac.compare_digest(said.get("token", "").strip().encode(), administrators.setup_token(hub).encode()):
        return say("login.begin.wrong_token")
    if not name:
        return say("login.begin.unnamed")
    if len(password) < users.SHORTEST:
        return say("login.begin.short", n=users.SHORTEST)
    return "" if password == said.get("again", "") else say("login.begin.differs")


def _form(said: dict[str, str], problem: str = "", status: int = 200) -> Template:
    kept = {"name": said.get("name", ""), "token": said.get("token", "")}
    return Template(
        "first_run/first_run.html", context={**kept, "problem": problem, "shortest": users.SHORTEST}, status_code=status
    )
