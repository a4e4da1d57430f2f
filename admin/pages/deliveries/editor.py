"""*Ubah isi*: editor for the body of a delivery, checked while typing; it overwrites nobody's edit without asking."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from litestar import Request, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import SkipValidation, URLEncodedBody
from litestar.response import Redirect, Template

from admin.http.access import Right, demand
from admin.pages.deliveries.actions import back, reason_of
from admin.pages.deliveries.attempts import refused_place
from admin.pages.deliveries.edited_body import BodyEditor, SeenState, body_editor
from admin.pages.deliveries.json_lines import line_of
from admin.pages.deliveries.opened import MAX_BODY_CHARACTERS, OPENED, OpenDelivery, Opened, open_delivery
from admin.pages.shared.explanations import explain
from admin.pages.shared.formatting import moment
from admin.pages.shared.opened_type import OpenedType
from admin.people.permissions import Permission
from admin.people.users import Person
from admin.text.words import say, sentence
from engine.delivery.status import Status
from engine.hub import Hub
from engine.outbox.edit import Saved, is_again, save

OPT = {"right": Right.PANEL, "may": Permission.EDIT}


async def _open_editor(hub: NamedDependency[Hub], person: NamedDependency[Person], opened: Opened) -> BodyEditor:
    await demand(hub, person, Permission.BODIES)
    return await body_editor(opened)


Editor = NamedDependency[SkipValidation[BodyEditor]]
EDITOR = {**OPENED, "editor": Provide(_open_editor)}


@get("/integrasi/{upstream:str}/{spec:str}/{id_:int}/ubah", opt=OPT, dependencies=EDITOR)
async def editor_page(
    request: Request[Any, Any, Any],
    editor: Editor,
) -> Template:
    """Show the editor with the body that would be sent now: as a page, or in the drawer when htmx asks."""
    return await _page(request, editor, editor.stored, editor.now)


@post(
    "/integrasi/{upstream:str}/{spec:str}/{id_:int}/ubah/periksa",
    opt=OPT,
    dependencies=EDITOR,
    status_code=200,
)
async def check_body(
    editor: Editor,
    data: URLEncodedBody[dict[str, str]],
) -> Template:
    """Show faults and differences of the typed body, and whether somebody else changed the delivery meanwhile."""
    seen = SeenState.read(data.get("seen", ""))
    return Template(
        "deliveries/editor_check.html",
        context=await _checked(editor, _typed(data)) | {"hint": _meanwhile(editor, seen)},
    )


@post(
    "/integrasi/{upstream:str}/{spec:str}/{id_:int}/ubah",
    opt=OPT,
    dependencies=EDITOR,
    status_code=200,
)
async def save_body(
    request: Request[Any, Any, Any],
    hub: NamedDependency[Hub],
    person: NamedDependency[Person],
    opened_type: OpenedType,
    editor: Editor,
    data: URLEncodedBody[dict[str, str]],
) -> Template | Redirect:
    """*Simpan & Kirim Ulang*: save and resend; on a problem show it and keep the typed body."""
    typed, seen, reason = _typed(data), SeenState.read(data.get("seen", "")), reason_of(data)
    body, faults = await editor.read(typed)
    if is_again(editor.opened.row, editor.last, person.name, body, seen.basis):
        return back(editor.opened, "saved_before")
    if refusal := editor.opened.no_edit():
        return await _page(request, editor, typed, seen, reason, refusal=refusal)
    meanwhile = _meanwhile(editor, seen)
    if not reason or (faults and not meanwhile):
        return await _page(
            request,
            editor,
            typed,
            seen,
            reason,
            refusal=say("editor.reason_missing" if not reason else "editor.faulty"),
        )
    if seen.spec_hash != editor.now.spec_hash:
        return await _page(request, editor, typed, editor.now, reason, conflict=meanwhile)
    facility_id, id_ = editor.opened.facility.id, editor.opened.row.id
    saved = await save(hub.database, facility_id, id_, person.name, body, reason=reason, basis=seen.basis)
    if saved in (Saved.DONE, Saved.ALREADY):
        hub.bell.ring(editor.opened.entry.name, facility_id)
        return back(editor.opened, "saved" if saved is Saved.DONE else "saved_before")
    newest = await _open_editor(hub, person, await open_delivery(request, opened_type, id_))
    if saved is Saved.SENDING:
        return await _page(request, newest, typed, seen, reason, refusal=say("delivery.no.edit.sending"))
    return await _page(request, newest, typed, newest.now, reason, conflict=_meanwhile(newest, seen))


def _typed(form: dict[str, str]) -> str:
    """Return the typed body with line feeds; a browser sends each line break as two characters."""
    return form.get("body", "").replace("\r\n", "\n")


def _meanwhile(editor: BodyEditor, seen: SeenState) -> str:
    """Return in words what changed since the page was opened; empty if nothing did."""
    now = editor.now
    words = []
    if seen.basis.version != now.basis.version:
        words.append(say("editor.record_changed", time=_time(editor.opened, editor.opened.row.changed_at)))
    elif seen.basis.edit != now.basis.edit and editor.last:
        words.append(say("editor.edited", actor=editor.last.actor, time=_time(editor.opened, editor.last.at)))
    if seen.basis.arrived != now.basis.arrived:
        words.append(say("editor.arrived"))
    if seen.spec_hash != now.spec_hash and not words:
        words.append(say("editor.spec_changed"))
    return " ".join(words)


def _time(opened: OpenDelivery, at: int) -> str:
    time = moment(at, opened.facility)
    return time.local if time else ""


async def _checked(editor: BodyEditor, typed: str) -> dict[str, Any]:
    opened, row = editor.opened, editor.opened.row
    failed = row.status == Status.FAILED
    place = await refused_place(opened) if failed else ""
    _, faults = await editor.read(typed)
    return {
        "refused": opened.hide(sentence(row.problem)) if failed else "",
        "cause": explain(row.cause, opened.layout.upstream, opened.entry.name) if failed and row.cause else None,
        "refused_place": opened.hide(place),
        "refused_line": line_of(typed, place) if place and len(typed) <= MAX_BODY_CHARACTERS else 0,
        "upstream": opened.layout.upstream,
        "faults": [fault if fault.line else replace(fault, line=line_of(typed, fault.place)) for fault in faults],
        "difference": editor.difference(typed),
        "not_generated": editor.not_generated,
        "spec": editor.opened.entry,
    }


async def _page(
    request: Request[Any, Any, Any],
    editor: BodyEditor,
    typed: str,
    seen: SeenState,
    reason: str = "",
    *,
    refusal: str = "",
    conflict: str = "",
) -> Template:
    context = await editor.opened.context("")
    text = editor.adapted(typed) if conflict else typed
    is_partial = "hx-request" in request.headers
    return Template(
        "deliveries/editor_form.html" if is_partial else "deliveries/editor.html",
        context={
            **context,
            **await _checked(editor, text),
            "drawer": is_partial,
            "typed": text,
            "adapted": text != typed,
            "seen": str(seen),
            "reason": reason,
            "refusal": refusal or (editor.opened.no_edit() if not reason else ""),
            "conflict": conflict,
            "theirs": editor.theirs(typed) if conflict else None,
            "updates": editor.opened.entry.operation_for(editor.opened.row.reference) == "update",
            "last": editor.last if editor.opened.row.body is not None else None,
            "last_time": _time(editor.opened, editor.last.at) if editor.last else "",
            "hint": "",
        },
        status_code=409 if conflict else 422 if refusal else 200,
    )
