"""Checklist of a clinic's setup on the dashboard: its live state, and the way to the page of each step and back."""

from __future__ import annotations

from typing import Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Redirect, Template

from admin.http.access import Right, session_of
from admin.pages.shared.layout import STEP_IN_SESSION, layout_for
from admin.pages.shared.setup_steps import setup_of
from admin.text.words import say
from engine.hub import Hub


@get("/persiapan", opt={"right": Right.PANEL, "live": True})
async def live_steps(request: Request[Any, Any, Any], hub: NamedDependency[Hub]) -> Template:
    """Return the steps, which a dashboard with the checklist polls every few seconds."""
    layout = await layout_for(request, next(iter(hub.catalog.upstreams)))
    return Template("setup/steps.html", context={"frame": layout, "setup": await setup_of(hub, layout)})


@get("/persiapan/{name:str}", opt={"right": Right.PANEL})
async def go(request: Request[Any, Any, Any], hub: NamedDependency[Hub], name: FromPath[str]) -> Redirect:
    """Redirect to the page of a step; until the next dashboard all pages show the way back."""
    layout = await layout_for(request, next(iter(hub.catalog.upstreams)))
    setup = await setup_of(hub, layout)
    place = setup.place(name)
    if not place:
        raise NotFoundException(say("error.not_found"))
    session_of(request)[STEP_IN_SESSION] = name
    return Redirect(setup.steps[place - 1].href, status_code=303)
