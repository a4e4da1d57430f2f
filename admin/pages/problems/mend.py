"""*Perbaiki semuanya*: a value is replaced in all failed deliveries of one cause, after a look at what would change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from litestar import Request, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromQuery, SkipValidation, URLEncodedBody
from litestar.response import Redirect, Template

from admin.http.access import Connection, Right, demand, person
from admin.pages.problems.mend_values import EnteredValues
from admin.pages.shared.diff import differences
from admin.pages.shared.explanations import explain
from admin.pages.shared.opened_type import OPENED_TYPE, OpenedType, OpenType
from admin.pages.shared.values import field_labels, shown_value
from admin.people.permissions import Permission
from admin.text.words import say, sentence
from engine.hub import Hub
from engine.identifiers import masked
from engine.jobs import mend, mend_preview
from engine.jobs.mend import FailedRecord, Mending, OldValues
from engine.jobs.mend_preview import LikelyField, MendPreview, PreviewContext
from engine.value_rules.fields import RecordField, field_of, fields_of, is_identifier, refusal

ADDRESS = "/integrasi/{upstream:str}/{spec:str}/perbaiki"
BULK = {"right": Right.PANEL, "may": Permission.BULK}
MAX_REASON_CHARACTERS = 500
MAX_FORM_FIELDS = 2 * mend.MAX_VALUES


@dataclass(frozen=True, slots=True)
class MendPage:
    """The failed deliveries of one cause of a type; `first` is one of them, None if none is left to mend."""

    of_type: OpenType
    cause: str
    first: FailedRecord | None

    @property
    def context(self) -> PreviewContext:
        hub, spec = self.of_type.hub, self.of_type.entry
        upstream = hub.upstream(spec.upstream.name)
        return PreviewContext(hub.database, hub.catalog.items, upstream, spec, self.of_type.facility())

    def hide(self, record: Any, text: str) -> str:
        """Return a text about a record with identifiers masked."""
        return masked(text, self.of_type.entry.identifiers(record))


@dataclass(slots=True)
class _Shown:
    """Content of the page besides the group: the chosen field, the entered values and their effect."""

    place: str = ""
    entered: EnteredValues = field(default_factory=EnteredValues)
    previews: list[dict[str, Any]] = field(default_factory=list)
    n: int = 0
    reason: str = ""
    error: str = ""


async def _open_group(request: Connection, hub: NamedDependency[Hub], opened_type: OpenedType) -> MendPage:
    """Return the group of the address; raise 403 without the rights."""
    for permission in (Permission.EDIT, Permission.BODIES):
        await demand(hub, person(request), permission)
    cause = request.query_params.get("cause", "")
    facility, spec = opened_type.facility(), opened_type.entry
    first = await mend.first_record(hub.database, facility.id, spec.name, cause) if cause else None
    return MendPage(opened_type, cause, first)


Opened = NamedDependency[SkipValidation[MendPage]]
OPENED = {**OPENED_TYPE, "opened": Provide(_open_group)}


@get(ADDRESS, opt=BULK, dependencies=OPENED)
async def mend_page(opened: Opened, field_place: FromQuery[str] = "") -> Template:
    """Show the values of a field in the group, to be replaced: of the chosen field, or of the likeliest one."""
    return await _page(opened, _Shown(field_place))


@post(f"{ADDRESS}/pratinjau", opt=BULK, dependencies=OPENED, status_code=200)
async def preview(opened: Opened, data: URLEncodedBody[dict[str, str]]) -> Template:
    """Show the first deliveries before and after, and what the check before sending says; store nothing."""
    shown = _Shown(data.get("place", ""), reason=data.get("reason", ""))
    await _read(opened, shown, data)
    return await _page(opened, shown)


@post(f"{ADDRESS}/terapkan", opt=BULK, dependencies=OPENED)
async def apply(
    request: Request[Any, Any, Any],
    opened: Opened,
    data: URLEncodedBody[dict[str, str]],
) -> Redirect | Template:
    """Store the rules and start the job that sends the group; its page offers the undo."""
    shown = _Shown(data.get("place", ""), reason=data.get("reason", ""))
    mending = await _read(opened, shown, data, actor=person(request).name)
    if mending is None:
        return await _page(opened, shown)
    changes = [[mending.place, old, new] for old, new in mending.changes.items()]
    chosen = {"spec": mending.spec.name, "cause": opened.cause, "mend": changes}
    started = await mend.start(opened.of_type.hub.database, mending, chosen)
    if started is None:  # all was sent since the preview
        shown.error = say("mend.gone")
        return await _page(opened, shown)
    job, is_new = started
    return Redirect(f"/pekerjaan/{job}{'' if is_new else '?told=twice'}", status_code=303)


async def _read(opened: MendPage, shown: _Shown, data: Mapping[str, str], actor: str = "") -> Mending | None:
    """Read the form into `shown` with its preview; return what to apply, None if it must not be."""
    spec, facility = opened.of_type.entry, opened.of_type.facility()
    reason = data.get("reason", "").replace("\x00", "").strip()[:MAX_REASON_CHARACTERS]
    chosen = field_of(spec, shown.place)
    if (why := refusal(spec, chosen, opened.of_type.hub.catalog.mapped_lists)) is not None or chosen is None:
        shown.error = say(f"mend.no.{why}", field=shown.place)
        return None
    shown.entered = EnteredValues.read(data, chosen, MAX_FORM_FIELDS)
    if shown.entered.errors or not shown.entered.changes:
        shown.error = "" if shown.entered.errors else say("mend.nothing")
        return None
    mending = Mending(facility.id, spec, opened.cause, shown.place, shown.entered.changes, actor, reason)
    rows = await mend.matching(opened.of_type.hub.database, mending)
    shown.n = len(rows)
    hub = opened.of_type.hub
    unknown = await mend_preview.unknown_codes(hub.database, hub.catalog, mending, rows, facility)
    if unknown:
        shown.entered.errors = {old: sentence(words) for old, words in unknown.items()}
        return None
    ones = await mend_preview.previews(opened.context, mending, rows[: mend_preview.MAX_PREVIEWS])
    shown.previews = [_previewed(opened, one) for one in ones]
    if any(one.moved for one in ones):
        shown.error = say("mend.no.identity", field=shown.place)
    elif not rows:
        shown.error = say("mend.gone")
    return None if shown.error else mending


async def _page(opened: MendPage, shown: _Shown) -> Template:
    of_type, cause = opened.of_type, opened.cause
    spec, facility, database = of_type.entry, of_type.facility(), of_type.hub.database
    likely: list[LikelyField] = []
    if opened.first is not None:
        fields = fields_of(spec, of_type.hub.catalog.mapped_lists)
        likely = await mend_preview.likely_fields(opened.context, opened.first, fields, cause)
    chosen = next((one for one in likely if one.field.place == shown.place), likely[0] if likely else None)
    values = OldValues((), 0, 0, capped=False)
    if chosen is not None:
        values = await mend.old_values(database, facility.id, spec.name, cause, chosen.field.place)
    explanation = explain(cause, of_type.layout.upstream, spec.name)
    context = {
        "frame": of_type.layout,
        "spec": spec,
        "cause": cause,
        "explanation": explanation,
        "fields": _choices(opened, likely),
        "field": chosen,
        "rows": _rows(chosen.field, values, shown.entered) if chosen is not None else [],
        "values": values,
        "all": shown.entered.for_all,
        "previews": shown.previews,
        "n": shown.n,
        "error": say("mend.gone") if opened.first is None else shown.error,
        "gone": opened.first is None,
        "reason": shown.reason or say("mend.reason.default", cause=explanation.title),
        "hold": mend.HOLD_MS // 1000,
    }
    return Template("problems/mend.html", context=context)


def _choices(opened: MendPage, likely: list[LikelyField]) -> list[dict[str, Any]]:
    labels = field_labels(opened.of_type.entry)
    return [
        {"place": one.field.place, "label": labels.get(one.field.place, one.field.place), "named": one.named}
        for one in likely
    ]


def _rows(chosen: RecordField, values: OldValues, entered: EnteredValues) -> list[dict[str, Any]]:
    return [
        {
            "old": one.text,
            "shown": masked(shown_value(one.text)),
            "n": one.n,
            "new": entered.texts.get(one.text, ""),
            "error": entered.errors.get(one.text, ""),
            "choices": [str(choice) for choice in chosen.choices],
            "boolean": chosen.types == ("boolean",),
        }
        for one in values.values
        if not is_identifier(one.text)  # the page would hold it unmasked
    ]


def _previewed(opened: MendPage, one: MendPreview) -> dict[str, Any]:
    hide = opened.hide
    return {
        "id": one.row.id,
        "key": hide(one.before, one.row.key),
        "norm": masked(one.row.patient_norm or ""),
        "name": masked(one.row.patient_name or ""),
        "record": differences(hide(one.before, _sorted(one.before)), hide(one.before, _sorted(one.after))),
        "payload": differences(
            hide(one.before, _sorted(one.payload_before)), hide(one.before, _sorted(one.payload_after))
        ),
        "problems": [hide(one.before, sentence(problem.message)) for problem in one.problems],
        "moved": one.moved,
    }


def _sorted(value: Any) -> str:
    """Return JSON indented and with sorted keys, so that the order is no difference; nothing for no payload."""
    return "" if value is None else orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2).decode()
