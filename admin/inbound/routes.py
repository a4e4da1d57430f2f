"""/inbound/{clinic}: the queue service that others call on the clinic, as their envelopes want it."""

from __future__ import annotations

from typing import Any

import structlog
from litestar import Request, Response, Router, get, post, put
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException
from litestar.params import FromPath

from admin.http import callers
from admin.http.access import Right
from admin.http.api_errors import ApiError
from admin.http.bodies import parse, read_body
from admin.http.callers import Callee, Refusal
from admin.http.request_log import route_of
from admin.inbound import messages
from engine.errors import place_of
from engine.hub import Hub
from engine.inbound import his_answers, requests, tokens
from engine.inbound.queue_numbers import QueueNumbers
from engine.inbound.requests import DONE, CallerRequest, Decide, QueueAnswer, Tell

Envelope = dict[str, Any]
MAX_BODY_BYTES = 256 * 1024
"""All fields as long as they may be, each character as an escape, take less."""
BODY_SECONDS = 60.0

log = structlog.get_logger(__name__)


@get("/auth", opt={"right": Right.OPEN})
async def token(request: Request[Any, Any, Any], hub: NamedDependency[Hub]) -> Envelope:
    """A token for the clinic's credentials; guessing is slowed down."""
    callee = await callers.find(request)
    username, password = (request.headers.get(name, "") for name in ("x-username", "x-password"))
    request.app.state.caller_limits.log_in(callee, callers.address_of(request), username, password)
    ends_at = hub.database.clock() + callee.inbound.token_minutes * 60_000
    key, account = hub.settings.secret_keys[0], callee.inbound.account
    issued = tokens.issue(key, account, callee.facility.id, callee.credentials, ends_at)
    return messages.envelope(callee.inbound, DONE, "done", {"token": issued})


@get("/antrean/status/{poli:str}/{day:str}", opt={"right": Right.INBOUND})
async def status(
    poli: FromPath[str], day: FromPath[str], hub: NamedDependency[Hub], callee: NamedDependency[Callee]
) -> Envelope:
    """How the queues of a poli stand."""
    wanted, book = messages.place(poli, day), _book(hub, callee)
    if callee.inbound.source == "his":
        return await _asked(hub, callee, "status", dict(zip(("kodepoli", "tanggalperiksa"), wanted, strict=True)))
    outcome = await hub.database.write(lambda connection: book.status(connection, *wanted))
    return messages.status(callee.inbound, outcome)


@post("/antrean", opt={"right": Right.INBOUND}, request_max_body_size=None, status_code=200)
async def take(request: Request[Any, Any, Any], hub: NamedDependency[Hub], callee: NamedDependency[Callee]) -> Envelope:
    """Give a number."""
    content = messages.content(await _body(request), messages.NUMBER)
    wish, book = messages.number_wish(content), _book(hub, callee)
    tell = messages.given(callee.inbound, 2 if wish.doctor or wish.hours else 1)
    asked = CallerRequest(callee.facility, callee.inbound, "take", wish.card, content)
    return await _answered(hub, asked, lambda connection: book.give(connection, wish), tell)


@get("/antrean/sisapeserta/{card:str}/{poli:str}/{day:str}", opt={"right": Right.INBOUND})
async def show(
    card: FromPath[str],
    poli: FromPath[str],
    day: FromPath[str],
    hub: NamedDependency[Hub],
    callee: NamedDependency[Callee],
) -> Envelope:
    """How many are before the holder of the card."""
    wish, book = messages.card_wish(card, poli, day), _book(hub, callee)
    if callee.inbound.source == "his":
        content = {"nomorkartu": wish.card, "kodepoli": wish.poli, "tanggalperiksa": wish.date}
        return await _asked(hub, callee, "show", content)
    outcome = await hub.database.write(lambda connection: book.show(connection, wish))
    return messages.shown(callee.inbound, outcome)


@put("/antrean/batal", opt={"right": Right.INBOUND}, request_max_body_size=None)
async def cancel(
    request: Request[Any, Any, Any], hub: NamedDependency[Hub], callee: NamedDependency[Callee]
) -> Envelope:
    """Take a number back. PUT because the caller says so."""
    content = messages.content(await _body(request), messages.CANCELLATION)
    wish, book = messages.cancel_wish(content), _book(hub, callee)
    asked = CallerRequest(callee.facility, callee.inbound, "cancel", wish.card, content)
    tell = messages.bare(callee.inbound)
    return await _answered(hub, asked, lambda connection: book.cancel(connection, wish), tell)


@post("/peserta", opt={"right": Right.INBOUND}, request_max_body_size=None, status_code=200)
async def patient(
    request: Request[Any, Any, Any], hub: NamedDependency[Hub], callee: NamedDependency[Callee]
) -> Envelope:
    """Keep a new patient for the clinic's system; from now on the card may take numbers."""
    content = messages.content(await _body(request), messages.PATIENT)
    asked = CallerRequest(
        callee.facility, callee.inbound, "patient", messages.patient_card(content), content, once=True
    )
    return await _answered(hub, asked, lambda _: QueueAnswer(DONE, "done"), messages.bare(callee.inbound))


async def _answered(hub: Hub, asked: CallerRequest, decide: Decide, tell: Tell) -> Envelope:
    """By the declared source; the request is kept whoever answers."""
    if asked.inbound.source == "own":
        return await requests.answer(hub.database, asked, decide, tell)
    broken = messages.refusal(asked.inbound, "broken")
    return await his_answers.answer(hub.database, hub.vault, hub.settings.webhook_policy, asked, broken)


async def _asked(hub: Hub, callee: Callee, operation: str, content: dict[str, str]) -> Envelope:
    """What changes nothing is asked and not kept."""
    asked = CallerRequest(callee.facility, callee.inbound, operation, "", content)
    found = await his_answers.ask(hub.database, hub.vault, hub.settings.webhook_policy, asked)
    return messages.refusal(callee.inbound, "broken") if found is None else found


def _book(hub: Hub, callee: Callee) -> QueueNumbers:
    return QueueNumbers(callee.facility, callee.inbound, hub.database.clock())


async def _body(request: Request[Any, Any, Any]) -> Any:
    body = await read_body(request.stream(), seconds=BODY_SECONDS, max_bytes=MAX_BODY_BYTES)
    _, [found, *_] = await parse(body, "application/json")
    return found


def _on_refusal(request: Request[Any, Any, Any], error: Refusal) -> Response[Any]:
    inbound = callers.service(callers.hub_of(request))
    headers = {"Retry-After": "60"} if error.status == 429 else {}
    return Response(messages.refusal(inbound, error.word, error.field), status_code=error.status, headers=headers)


def _on_malformed(request: Request[Any, Any, Any], _: Exception) -> Response[Any]:
    return _on_refusal(request, Refusal("malformed"))


def _on_any_error(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """The caller shows our text to a patient; what broke is told in the log, without what was asked."""
    log.error("inbound_broke", route=route_of(request.scope), **place_of(error))
    return _on_refusal(request, Refusal("broken"))


def _on_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    if error.status_code == 400:
        return _on_malformed(request, error)
    return Response({"metadata": {"message": error.detail, "code": error.status_code}}, status_code=error.status_code)


ROUTER = Router(
    "/inbound/{code:str}",
    route_handlers=[token, status, take, show, cancel, patient],
    dependencies={"callee": Provide(callers.callee, sync_to_thread=False)},
    exception_handlers={
        Refusal: _on_refusal,
        ApiError: _on_malformed,
        HTTPException: _on_http_exception,
        Exception: _on_any_error,
    },
    include_in_schema=False,
)
