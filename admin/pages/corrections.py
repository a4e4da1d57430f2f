"""Page of a correction: lists the deliveries that the upstream still has with the old content, and resends them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
from litestar import Request, get, post
from litestar.di import NamedDependency, Provide
from litestar.exceptions import NotFoundException
from litestar.params import FromPath, SkipValidation
from litestar.response import Redirect, Template

from admin.http.access import Right
from admin.http.parameters import Number
from admin.pages.shared.diff import differences
from admin.pages.shared.formatting import list_row, moment
from admin.pages.shared.json_view import pretty
from admin.pages.shared.opened_type import OPENED_TYPE, OpenedType, OpenType
from admin.people.permissions import Permission
from admin.people.users import Person
from admin.text.words import say, sentence
from engine.corrections.queries import affected_count, affected_page, last_request, resendable, resending
from engine.database.rows import DeliveryRow
from engine.errors import AntarError
from engine.hub import Hub
from engine.identifiers import masked
from engine.jobs import jobs
from engine.jobs.jobs import Action
from engine.sending.preview import payload_of
from engine.specs.record_type import Correction

PAGE_SIZE = 50
ADDRESS = "/integrasi/{upstream:str}/{spec:str}/koreksi/{name:str}"


@dataclass(frozen=True, slots=True)
class CorrectionPage:
    """A correction of a record type in the chosen facility."""

    of_type: OpenType
    correction: Correction


async def _open_correction(opened_type: OpenedType, name: FromPath[str]) -> CorrectionPage:
    """Return the correction; raise 404 if the type has none of that name, or if no facility exists yet."""
    correction = next((correction for correction in opened_type.entry.corrections if correction.name == name), None)
    if correction is None or opened_type.layout.facility is None:
        raise NotFoundException(say("error.not_found"))
    return CorrectionPage(opened_type, correction)


Opened = NamedDependency[SkipValidation[CorrectionPage]]
OPENED = {**OPENED_TYPE, "opened": Provide(_open_correction)}


@get(ADDRESS, opt={"right": Right.PANEL}, dependencies=OPENED)
async def correction_page(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    opened: Opened,
    after: Number = None,
    lihat: Number = None,
) -> Template:
    """Show what was wrong, which deliveries are affected, and what a resend would change in one of them."""
    of_type, correction = opened.of_type, opened.correction
    layout, entry, facility, name = of_type.layout, of_type.entry, of_type.facility(), correction.name
    rows = await affected_page(hub.database, facility.id, entry.name, name, after or 0, PAGE_SIZE)
    page = rows[:PAGE_SIZE]
    chosen = next((row for row in page if row.id == lihat), page[0] if page else None)
    context = {
        "frame": layout,
        "spec": entry,
        "title": correction.title,
        "reason": correction.reason,
        "address": request.url.path,
        "affected": await affected_count(hub.database, facility.id, entry.name, name),
        "rows": [{**list_row(entry, layout, row), "sent": moment(row.sent_at, facility)} for row in page],
        "after": after or 0,
        "next": page[-1].id if len(rows) > PAGE_SIZE else None,
        "chosen": chosen,
        "preview": await _preview(of_type, chosen) if chosen is not None else None,
        "job": await resending(hub.database, facility.id, entry.name, name),
        "may_resend": layout.may(Permission.BULK),
    }
    return Template("deliveries/correction.html", context=context)


@post(f"{ADDRESS}/kirim-ulang", opt={"right": Right.PANEL, "may": Permission.BULK}, dependencies=OPENED)
async def resend_affected(hub: NamedDependency[Hub], person: NamedDependency[Person], opened: Opened) -> Redirect:
    """Draft a job with all affected deliveries; its page asks for a reason before anything is sent."""
    entry, facility, name = opened.of_type.entry, opened.of_type.facility(), opened.correction.name
    job = await jobs.draft(
        hub.database,
        facility.id,
        entry.upstream.name,
        Action.REGENERATE,
        resendable(facility.id, entry.name, name),
        chosen={"spec": entry.name, "correction": name},
        actor=person.name,
    )
    return Redirect(f"/pekerjaan/{job}", status_code=303)


async def _preview(of_type: OpenType, row: DeliveryRow) -> dict[str, Any]:
    """Return the difference between the last request and the same request made now, identifiers masked."""
    if not of_type.layout.may(Permission.BODIES):
        return {"problem": say("correction.preview.may_not")}
    hub, entry = of_type.hub, of_type.entry
    last = await last_request(hub.database, row.id)
    known = entry.identifiers(orjson.loads(row.record))
    try:
        payload = await payload_of(
            hub.database, hub.catalog.items, entry, row, of_type.facility(), operation=last.operation if last else None
        )
    except AntarError as error:
        return {"problem": say("correction.preview.faulty", problem=masked(sentence(str(error)), known))}
    now = masked(_sorted_json(orjson.dumps(payload)), known)
    if last is None or last.request is None:
        return {"text": now}
    return {"lines": differences(masked(_sorted_json(last.request), known), now)}


def _sorted_json(body: bytes) -> str:
    """Return JSON indented and with sorted keys, as their order is no difference; other text unchanged."""
    try:
        return orjson.dumps(orjson.loads(body), option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2).decode()
    except orjson.JSONDecodeError:
        return pretty(body.decode("utf-8", "replace"))
