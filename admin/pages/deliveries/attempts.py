"""Attempts of a delivery for its tabs: the newest request and answer, all attempts, or two of them compared."""

from __future__ import annotations

import re
import shlex
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import orjson
from litestar import Request

from adapters.base import IdentifiedRequests
from adapters.messages import ALL, AT, read_message
from admin.pages.deliveries.opened import OpenDelivery
from admin.pages.deliveries.timeline import describe_trigger
from admin.pages.shared.diff import DiffLine, differences
from admin.pages.shared.formatting import moment
from admin.pages.shared.json_view import MAX_JSON_BYTES, folded, pretty
from admin.text.words import say, sentence
from engine.queries import deliveries
from engine.queries.deliveries import BODIES, DetailedAttempt

COMPARED_ATTEMPTS = 2


class Header(NamedTuple):
    """A header of a request or an answer; without a value it is secret."""

    name: str
    value: str | None = None


_ID = re.compile(r"\d{1,15}", re.ASCII)


async def newest(opened: OpenDelivery) -> dict[str, Any]:
    """Return the last request that creates or updates, else the last of any kind, with its answer."""
    requests = [row for row in opened.detail.attempts if row.method]
    chosen = next((row for row in requests if row.operation in ("create", "update")), next(iter(requests), None))
    if chosen is None:
        return {"attempt": None}
    [row] = (await deliveries.tries(opened.hub.database, opened.row.id, [chosen.id])).values()
    return {"attempt": {**attempt_view(opened, row), **bodies(opened, row)}}


async def refused_place(opened: OpenDelivery) -> str:
    """Return the path into the request that was refused, e.g. `Visit.period`: as the answer names it, or our check."""
    place, attempts = opened.layout.upstream.profile.place, opened.detail.attempts
    if place is None or not attempts or not attempts[0].response_size:
        return _checked_place(opened.row.problem or "")
    [row] = (await deliveries.tries(opened.hub.database, opened.row.id, [attempts[0].id])).values()
    try:
        return place.read(orjson.loads(row.response or b"null")) or ""
    except orjson.JSONDecodeError:
        return ""


def _checked_place(problem: str) -> str:
    """Return the path of the first problem that a check found before sending; empty if the text names none."""
    stored = read_message(problem)
    if stored is not None and stored.key == ALL:
        stored = read_message(stored.values["texts"][0])
    path = stored.values.get("path") if stored is not None and stored.key == AT else ""
    return path if isinstance(path, str) else ""


async def all_of(opened: OpenDelivery, request: Request[Any, Any, Any]) -> dict[str, Any]:
    """Return all attempts, newest first, with the bodies of the opened one or of the two to be compared."""
    open_ids = _ids(request, "percobaan")[:1]
    pair = sorted(_ids(request, "banding"))[:COMPARED_ATTEMPTS]
    rows_by_id = await deliveries.tries(opened.hub.database, opened.row.id, [*open_ids, *pair])
    compared = [rows_by_id[id_] for id_ in pair if id_ in rows_by_id]
    rows = []
    for row in opened.detail.attempts:
        place = opened.chosen.address(tab="percobaan", percobaan="" if row.id in open_ids else row.id)
        whole = rows_by_id.get(row.id) if row.id in open_ids else None
        inside = bodies(opened, whole) if whole else {}
        rows.append({**attempt_view(opened, row), **inside, "open": whole is not None, "place": place})
    return {
        "attempts": rows,
        "fields": [*opened.chosen.fields(), ("tab", "percobaan")],
        "picked": [row.id for row in compared],
        "compared": _compared(opened, *compared) if len(compared) == COMPARED_ATTEMPTS else None,
        "pair_missing": bool(pair) and len(compared) != COMPARED_ATTEMPTS,
    }


def attempt_view(opened: OpenDelivery, row: DetailedAttempt) -> dict[str, Any]:
    """Return one attempt without its bodies."""
    return {
        "id": row.id,
        "operation": say(f"operation.{row.operation}"),
        "verdict": say(f"verdict.{row.verdict}"),
        "good": row.verdict == "accepted",
        "time": moment(row.at, opened.facility),
        "milliseconds": row.milliseconds,
        "http_status": row.http_status,
        "code": row.code,
        "message": opened.hide(sentence(row.message)),
        "trigger": describe_trigger(row.trigger),
        "spec_hash": row.spec_hash,
        "version": row.version,
        "line": opened.hide(f"{row.method} {row.path}") if row.method else "",
        "pruned": moment(row.pruned_at, opened.facility) if row.pruned_at else None,
        "has_bodies": bool(row.pruned_at or row.method or row.request_size or row.response_size),
    }


def bodies(opened: OpenDelivery, row: DetailedAttempt) -> dict[str, Any]:
    """Return the exact bodies of an attempt, as folding trees."""
    return {
        **{name: folded(getattr(row, name), opened.hide) if getattr(row, name) else "" for name in BODIES},
        "request_headers": request_headers(opened, row),
        "response_headers": _response_headers(opened, row),
        "curl": opened.hide(curl(opened, row)),
    }


def request_headers(opened: OpenDelivery, row: DetailedAttempt) -> list[Header]:
    """Return the headers of a request as they follow from the upstream's declaration; secrets are only named."""
    adapter = opened.hub.upstream(opened.layout.upstream.name)
    secret = adapter.secret_headers() if isinstance(adapter, IdentifiedRequests) else ()
    host = urlsplit(opened.hub.settings.addresses.get(opened.layout.upstream.name, "")).netloc
    body = [Header("content-type", _media(opened, row)), Header("content-length", str(len(row.request or b"")))]
    return [
        Header("host", host),
        Header("accept", "application/json"),
        *(body if row.request else ()),
        *(Header(name) for name in secret),
    ]


def _response_headers(opened: OpenDelivery, row: DetailedAttempt) -> list[Header]:
    pairs = (line.partition(": ") for line in (row.headers or "").splitlines())
    return [Header(name, opened.hide(value)) for name, _, value in pairs]


def curl(opened: OpenDelivery, row: DetailedAttempt) -> str:
    """Return the request as a curl command, for which the reader sets $TOKEN; empty if a shell cannot repeat it."""
    # A shell limits the length of a command.
    if not row.method or row.pruned_at or len(row.request or b"") > MAX_JSON_BYTES:
        return ""
    upstream = opened.layout.upstream
    address = opened.hub.settings.addresses.get(upstream.name, "")
    where = quote(f"{upstream.profile.base_path}{row.path}", safe="/?&=:,%+")
    parts = ["curl", "-X", row.method, shlex.quote(address + where), "-H", '"Authorization: Bearer $TOKEN"']
    if row.request:
        body = row.request.decode("utf-8", "replace")
        parts += ["-H", shlex.quote(f"Content-Type: {_media(opened, row)}"), "--data-raw", shlex.quote(body)]
    return " ".join(parts)


def _media(opened: OpenDelivery, row: DetailedAttempt) -> str:
    request = opened.entry.update if row.operation == "update" else opened.entry.endpoint
    return (request.content_type if request else None) or opened.layout.upstream.profile.content_type


def _compared(opened: OpenDelivery, old: DetailedAttempt, new: DetailedAttempt) -> dict[str, Any]:
    texts = {
        name: [pretty((getattr(row, name) or b"").decode("utf-8", "replace")) for row in (old, new)] for name in BODIES
    }
    return {
        "old": attempt_view(opened, old),
        "new": attempt_view(opened, new),
        "parts": {name: _differences(opened, *pair) for name, pair in texts.items()},
    }


def _differences(opened: OpenDelivery, old: str, new: str) -> list[DiffLine] | None:
    """Return the difference of two bodies; None if they are too long."""
    too_long = max(len(old), len(new)) > 2 * MAX_JSON_BYTES  # indented, JSON is longer than it was sent
    return None if too_long else differences(opened.hide(old), opened.hide(new))


def _ids(request: Request[Any, Any, Any], name: str) -> list[int]:
    return [int(text) for text in request.query_params.getall(name, []) if _ID.fullmatch(text)]
