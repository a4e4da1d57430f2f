"""*Ubah isi*: the body of a delivery in a person's own words, checked while it is typed, saved over nobody unasked."""

from __future__ import annotations

from typing import Any

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect, Template

from admin.http.access import Right, demand
from admin.http.parameters import Id
from admin.pages.deliveries.actions import back, reason_of
from admin.pages.deliveries.edited_body import BodyEditor, Seen, body_editor
from admin.pages.deliveries.opened import OpenDelivery, open_delivery
from admin.pages.shared.formatting import moment
from admin.people.permissions import Permission
from admin.people.users import Person
from admin.text.words import say
from engine.delivery.status import Status
from engine.hub import Hub
from engine.outbox.edit import Saved, is_again, save

OPT = {"right": Right.PANEL, "may": Permission.EDIT}


@get("/integrasi/{upstream:str}/{spec:str}/{id_:int}/ubah", opt=OPT, include_in_schema=False)
async def editor_page(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    upstream: FromPath[str],
    spec: FromPath[str],
    id_: Id,
) -> Template:
    """The editor, with what would be sent now."""
    at = await _desk(request, hub, person, upstream, spec, id_)
    return await _page(at, at.stored, at.now)


@post("/integrasi/{upstream:str}/{spec:str}/{id_:int}/ubah/periksa", opt=OPT, include_in_schema=False, status_code=200)
async def check_body(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    upstream: FromPath[str],
    spec: FromPath[str],
    id_: Id,
    data: URLEncodedBody[dict[str, str]],
) -> Template:
    """What is wrong with what is typed, how it differs, and whether somebody was quicker."""
    at = await _desk(request, hub, person, upstream, spec, id_)
    seen = Seen.read(data.get("seen", ""))
    return Template("deliveries/editor_check.html", context=_checked(at, _typed(data)) | {"hint": _meanwhile(at, seen)})


@post("/integrasi/{upstream:str}/{spec:str}/{id_:int}/ubah", opt=OPT, include_in_schema=False, status_code=200)
async def save_body(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    upstream: FromPath[str],
    spec: FromPath[str],
    id_: Id,
    data: URLEncodedBody[dict[str, str]],
) -> Template | Redirect:
    """*Simpan & Kirim Ulang*; whatever stands in the way is told, and what was typed stays."""
    at = await _desk(request, hub, person, upstream, spec, id_)
    typed, seen, reason = _typed(data), Seen.read(data.get("seen", "")), reason_of(data)
    body, faults = at.read(typed)
    if is_again(at.found.row, at.last, person.name, body, seen.basis):
        return back(at.found, "saved_before")
    if refusal := at.found.no_edit():
        return await _page(at, typed, seen, reason, refusal=refusal)
    meanwhile = _meanwhile(at, seen)
    if not reason or (faults and not meanwhile):
        return await _page(
            at, typed, seen, reason, refusal=say("editor.reason_missing" if not reason else "editor.faulty")
        )
    if seen.spec_hash != at.now.spec_hash:
        return await _page(at, typed, at.now, reason, conflict=meanwhile)
    facility_id = at.found.facility.id
    saved = await save(hub.database, facility_id, id_, person.name, body, reason=reason, basis=seen.basis)
    if saved in (Saved.DONE, Saved.ALREADY):
        hub.bell.ring(at.found.entry.name, facility_id)
        return back(at.found, "saved" if saved is Saved.DONE else "saved_before")
    newest = await _desk(request, hub, person, upstream, spec, id_)
    if saved is Saved.SENDING:
        return await _page(newest, typed, seen, reason, refusal=say("delivery.no.edit.sending"))
    return await _page(newest, typed, newest.now, reason, conflict=_meanwhile(newest, seen))


async def _desk(
    request: Request[Any, Any, Any], hub: Hub, person: Person, upstream: str, spec: str, id_: int
) -> BodyEditor:
    found = await open_delivery(request, hub, upstream, spec, id_)
    await demand(hub, person, Permission.BODIES)
    return await body_editor(found)


def _typed(form: dict[str, str]) -> str:
    """A browser sends every line's end as two characters."""
    return form.get("body", "").replace("\r\n", "\n")


def _meanwhile(at: BodyEditor, seen: Seen) -> str:
    """What happened since the page was opened, in words; empty: nothing."""
    now = at.now
    words = []
    if seen.basis.version != now.basis.version:
        words.append(say("editor.record_changed", time=_time(at.found, at.found.row.changed_at)))
    elif seen.basis.edit != now.basis.edit and at.last:
        words.append(say("editor.edited", actor=at.last.actor, time=_time(at.found, at.last.at)))
    if seen.basis.arrived != now.basis.arrived:
        words.append(say("editor.arrived"))
    if seen.spec_hash != now.spec_hash and not words:
        words.append(say("editor.spec_changed"))
    return " ".join(words)


def _time(found: OpenDelivery, at: int) -> str:
    shown = moment(at, found.facility)
    return shown.local if shown else ""


def _checked(at: BodyEditor, typed: str) -> dict[str, Any]:
    row = at.found.row
    return {
        "refused": at.found.hide(row.problem or "") if row.status == Status.FAILED else "",
        "upstream": at.found.layout.upstream,
        "faults": at.read(typed)[1],
        "difference": at.difference(typed),
        "not_generated": at.not_generated,
        "spec": at.found.entry,
    }


async def _page(
    at: BodyEditor, typed: str, seen: Seen, reason: str = "", *, refusal: str = "", conflict: str = ""
) -> Template:
    context = await at.found.context("")
    text = at.adapted(typed) if conflict else typed
    return Template(
        "deliveries/editor.html",
        context={
            **context,
            **_checked(at, typed),
            "typed": text,
            "adapted": text != typed,
            "seen": str(seen),
            "reason": reason,
            "refusal": refusal or (at.found.no_edit() if not reason else ""),
            "conflict": conflict,
            "theirs": at.theirs(typed) if conflict else None,
            "updates": at.found.entry.operation_for(at.found.row.reference) == "update",
            "last": at.last if at.found.row.body is not None else None,
            "last_time": _time(at.found, at.last.at) if at.last else "",
            "hint": "",
        },
        status_code=409 if conflict else 422 if refusal else 200,
    )
