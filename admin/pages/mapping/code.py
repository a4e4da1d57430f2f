"""*Detail Kode*: one code of a mapping with all that its list says of it, as a page or over any other."""

from __future__ import annotations

from typing import Any

from litestar import Request, get
from litestar.di import NamedDependency
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.response import Template

from admin.http.access import Right
from admin.http.parameters import Text
from admin.pages.mapping.candidates import ask
from admin.pages.mapping.shared import MappingPage, mapping_page_of, told
from admin.pages.shared.formatting import moment
from admin.text.words import say
from engine.code_lists import copies
from engine.hub import Hub


@get("/pemetaan/{mapping:str}/kode", opt={"right": Right.PANEL}, include_in_schema=False)
async def code_page(
    request: Request[Any, Any, Any], hub: NamedDependency[Hub], mapping: FromPath[str], kode: Text = ""
) -> Template:
    """The code as a page, or what a dialog shows of it when a script asks."""
    desk = await mapping_page_of(request, hub, mapping)
    inside = "hx-request" in request.headers
    found = await _found(desk, kode.strip())
    if not found["code"] and not found["away"] and not inside:
        raise NotFoundException(say("error.not_found"))
    context = {**desk.context, "code": kode.strip(), "found": found, "inside": inside}
    return Template("mapping/code_box.html" if inside else "mapping/code.html", context=context)


async def _found(desk: MappingPage, code: str) -> dict[str, Any]:
    catalogue, asked = desk.mapping.catalogue, await ask(desk, code)
    if asked.found is None:
        return {"code": "", "away": asked.away}
    row = await copies.one_row(desk.database, catalogue.list.owner(desk.facility.id), catalogue.list.name, code)
    return {
        "code": code,
        "facts": [(each.label, told(asked.found.row.get(each.name))) for each in catalogue.list.visible],
        "gone": moment(row.gone_at, desk.facility) if row else None,
        "replacement": asked.found.row.get(catalogue.replacement) if catalogue.replacement else None,
    }
