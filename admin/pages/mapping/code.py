"""*Detail Kode*: one code of a mapping with all columns of its list, as a page or as a dialog on another page."""

from __future__ import annotations

from typing import Any

from litestar import Request, get
from litestar.exceptions import NotFoundException
from litestar.response import Template

from admin.http.access import Right
from admin.http.parameters import Text
from admin.pages.mapping.candidates import look_up
from admin.pages.mapping.shared import OPENED_MAPPING, MappingPage, OpenedMapping, value_text
from admin.pages.shared.formatting import moment
from admin.text.words import say
from engine.code_lists import copies


@get("/pemetaan/{mapping:str}/kode", opt={"right": Right.PANEL}, dependencies=OPENED_MAPPING)
async def code_page(request: Request[Any, Any, Any], page: OpenedMapping, kode: Text = "") -> Template:
    """Show the code as a page, or the content of a dialog when htmx asks."""
    is_partial = "hx-request" in request.headers
    view = await _code_view(page, kode.strip())
    if not view["code"] and not view["away"] and not is_partial:
        raise NotFoundException(say("error.not_found"))
    context = {**page.context, "code": kode.strip(), "found": view, "inside": is_partial}
    return Template("mapping/code_box.html" if is_partial else "mapping/code.html", context=context)


async def _code_view(page: MappingPage, code: str) -> dict[str, Any]:
    catalogue, lookup = page.mapping.catalogue, await look_up(page, code)
    if lookup.match is None:
        return {"code": "", "away": lookup.problem}
    row = await copies.one_row(page.database, catalogue.list.owner(page.facility.id), catalogue.list.name, code)
    facts, details = (
        [(column.label, value_text(lookup.match.row.get(column.name))) for column in columns]
        for columns in (catalogue.list.listed, [column for column in catalogue.list.visible if column.detail])
    )
    return {
        "code": code,
        "facts": facts,
        "details": details,
        "gone": moment(row.gone_at, page.facility) if row else None,
        "replacement": lookup.match.row.get(catalogue.replacement) if catalogue.replacement else None,
    }
