"""*Verifikasi identitas pasien*: opens the upstream's own page on which a patient's identity is verified.

Only the officer's name and NIK are asked for, and neither is stored; the patient's data is entered on that page alone.
"""

from __future__ import annotations

import re
from typing import Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Template

from adapters.base import Agent, IdentityCheck, IdentityLink
from admin.http.access import Right
from admin.pages.login import MAX_FORM_BYTES
from admin.pages.shared.layout import Layout, layout_for
from admin.people.permissions import Permission
from admin.people.users import Person
from admin.text.words import say, sentence
from engine.database.audit import note_now
from engine.facilities.credentials import NoAccount
from engine.hub import Hub

MAX_NAME_CHARACTERS = 100
NIK = re.compile(r"[0-9]{16}")
OPT = {"right": Right.PANEL, "may": Permission.IDENTIFY}


@get("/identitas/{upstream:str}", opt=OPT)
async def identity_page(
    request: Request[Any, Any, Any], hub: NamedDependency[Hub], upstream: FromPath[str]
) -> Template:
    """Show what the page is for, and the form for the officer."""
    layout = await layout_for(request, upstream)
    _check_of(hub, upstream)
    return _page(layout)


@post("/identitas/{upstream:str}", opt=OPT, status_code=200, request_max_body_size=MAX_FORM_BYTES)
async def open_identity_check(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    upstream: FromPath[str],
    data: URLEncodedBody[dict[str, str] | None] = None,
) -> Template:
    """Request a link and show it, or report why there is none."""
    layout, form = await layout_for(request, upstream), data or {}
    check = _check_of(hub, upstream)
    name, nik = form.get("name", "").strip()[:MAX_NAME_CHARACTERS], form.get("nik", "").strip()
    if not name or not NIK.fullmatch(nik):
        return _page(layout, name=name, problem=say("identity.form"), status=400)
    if layout.facility is None:
        return _page(layout, name=name, problem=say("identity.no_facility"), status=409)
    account = await hub.accounts.get(layout.facility.id, layout.upstream)
    if isinstance(account, NoAccount):
        return _page(layout, name=name, problem=sentence(account.reason), status=409)
    link = await check.identity_link(account, Agent(name, nik), hub.settings.environment)
    if not link.url:
        return _page(layout, name=name, problem=sentence(link.problem), status=502)
    await note_now(hub.database, person.name, "identity.link", facility_id=layout.facility.id)
    return _page(layout, name=name, link=link)


def _check_of(hub: Hub, upstream: str) -> IdentityCheck:
    adapter = hub.upstream(upstream)
    if not isinstance(adapter, IdentityCheck) or not hub.catalog.upstreams[upstream].verifies_identity:
        raise NotFoundException(say("error.not_found"))
    return adapter


def _page(
    layout: Layout, *, name: str = "", problem: str = "", link: IdentityLink | None = None, status: int = 200
) -> Template:
    context = {"frame": layout, "name": name, "problem": problem, "link": link.url if link else ""}
    return Template("identity/page.html", context=context, status_code=status)
