"""*Unduh untuk helpdesk*: a delivery with its attempts, without personal data, for the upstream's helpdesk."""

from __future__ import annotations

import asyncio
import io
import zipfile
from datetime import UTC, datetime
from typing import Any

import orjson
from litestar import Response, post
from litestar.di import NamedDependency

from admin.http.access import Right
from admin.pages.deliveries.attempts import request_headers
from admin.pages.deliveries.opened import OPENED, OpenDelivery, Opened
from admin.people.permissions import Permission
from admin.people.users import Person
from admin.text.outside_mask import MASK, OutsideMask
from admin.text.words import say, sentence, speaking
from engine.database.audit import note_now
from engine.hub import Hub
from engine.identifiers import masked
from engine.queries import deliveries
from engine.queries.deliveries import BODIES, DetailedAttempt

MAX_ATTEMPTS = 10  # the newest ones


@post(
    "/integrasi/{upstream:str}/{spec:str}/{id_:int}/helpdesk",
    opt={"right": Right.PANEL, "may": Permission.BODIES},
    dependencies=OPENED,
    status_code=200,
)
async def helpdesk_bundle(
    hub: NamedDependency[Hub], person: NamedDependency[Person], opened: Opened
) -> Response[bytes]:
    """Return a ZIP with the bundle as JSON and as text; the audit log gets its entry first."""
    facility_id, id_ = opened.facility.id, opened.row.id
    ids = [attempt.id for attempt in opened.detail.attempts[:MAX_ATTEMPTS]]
    attempts = await deliveries.tries(hub.database, id_, ids)
    await note_now(hub.database, person.name, "helpdesk", facility_id=facility_id, delivery_id=id_)
    newest = [attempts[id_] for id_ in ids if id_ in attempts]
    file = await asyncio.to_thread(_zipped, opened, newest)  # large bodies take a while
    headers = {"Content-Disposition": f'attachment; filename="antar-kiriman-{id_}.zip"'}
    return Response(file, media_type="application/zip", headers=headers)


def _zipped(opened: OpenDelivery, attempts: list[DetailedAttempt]) -> bytes:
    content = bundle(opened, attempts)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("kiriman.json", orjson.dumps(content, option=orjson.OPT_INDENT_2))
        archive.writestr("kiriman.txt", as_text(content))
    return file.getvalue()


def bundle(opened: OpenDelivery, attempts: list[DetailedAttempt]) -> dict[str, Any]:
    """Return what the helpdesk needs: ids, times, codes, headers, and the bodies without personal data."""
    row, upstream = opened.row, opened.layout.upstream
    of_patient = (row.patient_norm, row.patient_name)
    mask = OutsideMask([orjson.loads(row.record), *of_patient], (*opened.identifiers, *filter(None, of_patient)))
    if row.body is not None:
        mask.body(row.body.encode(), is_answer=False)
    return {
        "environment": opened.hub.settings.environment,
        "upstream": upstream.name,
        "address": opened.hub.settings.addresses.get(upstream.name, "") + upstream.profile.base_path,
        "organization_id": opened.facility.organization_id,
        "type": opened.entry.name,
        "delivery_id": row.id,
        "reference": row.reference,
        "status": row.status,
        "http_status": row.http_status,
        "code": mask.words(row.code or ""),
        "created_at": _time(row.created_at),
        "sent_at": _time(row.sent_at),
        "attempts": [_attempt(opened, mask, attempt) for attempt in attempts],
        "masked": MASK,
    }


def _attempt(opened: OpenDelivery, mask: OutsideMask, row: DetailedAttempt) -> dict[str, Any]:
    bodies = {name: getattr(row, name) for name in BODIES}
    # The request first: what is masked in it is looked for in the words of the answer.
    shown = {name: mask.body(body, is_answer=name == "response") if body else None for name, body in bodies.items()}
    with speaking("en"):
        message = mask.words(sentence(row.message))
    return {
        "at": _time(row.at),
        "milliseconds": row.milliseconds,
        "operation": row.operation,
        "method": row.method,
        "path": mask.path(row.path) if row.path else None,
        "http_status": row.http_status,
        "code": mask.words(row.code or ""),
        "verdict": row.verdict,
        "message": message,
        "spec_hash": row.spec_hash,
        "version": row.version,
        "bodies_removed_at": _time(row.pruned_at),
        "request_headers": {name: MASK if value is None else value for name, value in request_headers(opened, row)},
        "response_headers": masked(row.headers or "", opened.identifiers).splitlines(),
        **shown,
    }


def as_text(content: dict[str, Any]) -> str:
    """Return the bundle for reading."""
    lines = [say("helpdesk.head"), ""]
    lines += [f"{name}: {value}" for name, value in content.items() if name != "attempts" and value is not None]
    for number, attempt in enumerate(content["attempts"], 1):
        lines += ["", f"--- {number} ---"]
        for name, value in attempt.items():
            if isinstance(value, dict | list):
                lines += [f"{name}:", orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()]
            elif value is not None and value != "":
                lines.append(f"{name}: {value}")
    return "\n".join(lines) + "\n"


def _time(milliseconds: int | None) -> str | None:
    if milliseconds is None:
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
