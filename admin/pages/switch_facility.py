"""Switcher in the header: chooses the clinic that the pages show."""

from __future__ import annotations

import re
from typing import Any

from litestar import Request, post
from litestar.di import NamedDependency
from litestar.exceptions import ClientException
from litestar.params import URLEncodedBody
from litestar.response import Redirect

from admin.http.access import Right, session_of
from admin.http.language import back
from admin.pages.shared.layout import permitted
from admin.people.users import Person
from engine.hub import Hub

# End of the address of one delivery or job, which the other clinic does not have.
SINGLE_ROW_PATH = re.compile(r"(/\d+)(/.*)?$")


@post("/klinik", opt={"right": Right.PERSON}, status_code=303, request_max_body_size=1024)
async def switch(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    data: URLEncodedBody[dict[str, str] | None] = None,
) -> Redirect:
    """Switch to another clinic, then go back to the page, or to the list if the page showed a single row."""
    facility_id = (data or {}).get("facility", "")
    chosen = next((row for row in await permitted(hub, person) if str(row.id) == facility_id), None)
    if chosen is None:
        raise ClientException("facility")
    session_of(request)["facility"] = chosen.id
    page = back(request.headers.get("referer", "")).partition("?")[0]
    return Redirect(SINGLE_ROW_PATH.sub("", page) or "/", status_code=303)
