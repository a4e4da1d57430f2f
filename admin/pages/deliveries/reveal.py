"""*Tampilkan*: show one tab with unmasked identifiers, for a reason that the audit log keeps."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.params import URLEncodedBody
from litestar.response import Redirect, Template

from admin.http.access import Right
from admin.pages.deliveries.actions import back, reason_of
from admin.pages.deliveries.opened import OPENED, Opened
from admin.pages.deliveries.page import page
from admin.people.permissions import Permission
from admin.people.users import Person
from engine.database.audit import note_now
from engine.hub import Hub


@post(
    "/integrasi/{upstream:str}/{spec:str}/{id_:int}/tampilkan",
    opt={"right": Right.PANEL, "may": Permission.REVEAL},
    dependencies=OPENED,
    status_code=200,
)
async def reveal(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    opened: Opened,
    data: URLEncodedBody[dict[str, str]],
) -> Template | Redirect:
    """Show the open tab unmasked, this once; the audit log gets its entry first."""
    reason = reason_of(data)
    if not reason:
        return back(opened, "reason_missing")
    facility_id, id_ = opened.facility.id, opened.row.id
    await note_now(hub.database, person.name, "reveal", facility_id=facility_id, delivery_id=id_, reason=reason)
    return await page(request, replace(opened, revealed=True), data.get("tab", ""))
