"""/inbound/{clinic}: the queue service that Mobile JKN calls on the clinic, with its envelopes."""

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
from engine.inbound.requests import DONE, CallerRequest, Decide, Tell

Envelope = dict[str, Any]
MAX_BODY_BYTES = 256 * 1024  # more than all fields of the greatest length, with every character as an escape
BODY_SECONDS = 60.0

log = structlog.get_logger(__name__)


@get("/auth", opt={"right": Right.OPEN})
async def token(request: Request[Any, Any, Any], hub: NamedDependency[Hub]) -> Envelope:
    """Issue a token for the clinic's credentials; guesses are throttled."""
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
    """Return the state of the queues of a poli."""
    code, date = messages.place(poli, day)
    if callee.inbound.source == "his":
        return await _ask_his(hub, callee, "status", {"kodepoli": code, "tanggalperiksa": date})
    numbers = _numbers(hub, callee)
    answer = await hub.database.write(numbers.status, code, date)
    return messages.status(callee.inbound, answer)


@post("/antrean", opt={"right": Right.INBOUND}, request_max_body_size=None, status_code=200)
async def take(request: Request[Any, Any, Any], hub: NamedDependency[Hub], callee: NamedDependency[Callee]) -> Envelope:
    """Give a number."""
    content = messages.fields_of(await _body(request), messages.NUMBER_FIELDS)
    wish, numbers = messages.number_request(content), _numbers(hub, callee)
    write = messages.given(callee.inbound, 2 if wish.doctor or wish.hours else 1)
    received = CallerRequest(callee.facility, callee.inbound, "take", wish.card, content)
    return await _answer(hub, received, lambda tx: numbers.give(tx, wish), write)


@get("/antrean/sisapeserta/{card:str}/{poli:str}/{day:str}", opt={"right": Right.INBOUND})
async def show(
    card: FromPath[str],
    poli: FromPath[str],
    day: FromPath[str],
    hub: NamedDependency[Hub],
    callee: NamedDependency[Callee],
) -> Envelope:
    """Return how many people are before the holder of the card."""
    wish, numbers = messages.card_request(card, poli, day), _numbers(hub, callee)
    if callee.inbound.source == "his":
        content = {"nomorkartu": wish.card, "kodepoli": wish.poli, "tanggalperiksa": wish.date}
        return await _ask_his(hub, callee, "show", content)
    answer = await hub.database.write(numbers.show, wish)
    return messages.standing(callee.inbound, answer)


@put("/antrean/batal", opt={"right": Right.INBOUND}, request_max_body_size=None)
async def cancel(
    request: Request[Any, Any, Any], hub: NamedDependency[Hub], callee: NamedDependency[Callee]
) -> Envelope:
    """Cancel a number. The method is PUT because the caller's specification says so."""
    content = messages.fields_of(await _body(request), messages.CANCELLATION_FIELDS)
    wish, numbers = messages.cancel_request(content), _numbers(hub, callee)
    received = CallerRequest(callee.facility, callee.inbound, "cancel", wish.card, content)
    write = messages.bare(callee.inbound)
    return await _answer(hub, received, lambda tx: numbers.cancel(tx, wish), write)


@post("/peserta", opt={"right": Right.INBOUND}, request_max_body_size=None, status_code=200)
async def patient(
    request: Request[Any, Any, Any], hub: NamedDependency[Hub], callee: NamedDependency[Callee]
) -> Envelope:
    """Store a new patient for the clinic's system; the card may take numbers from then on."""
    content = messages.fields_of(await _body(request), messages.PATIENT_FIELDS)
    received = CallerRequest(
        callee.facility, callee.inbound, "patient", messages.patient_card(content), content, once=True
    )
    return await _answer(hub, received, requests.accept, messages.bare(callee.inbound))


async def _answer(hub: Hub, received: CallerRequest, decide: Decide, write: Tell) -> Envelope:
    """Answer from the declared source: Antar's own queues or the clinic's system. The request is stored either way."""
    if received.inbound.source == "own":
        return await requests.answer(hub.database, received, decide, write)
    broken = messages.refusal(received.inbound, "broken")
    return await his_answers.answer(hub.database, hub.vault, hub.settings.webhook_policy, received, broken)


async def _ask_his(hub: Hub, callee: Callee, operation: str, content: dict[str, str]) -> Envelope:
    """Ask the clinic's system about something that changes nothing; the request is not stored."""
    received = CallerRequest(callee.facility, callee.inbound, operation, "", content)
    answer = await his_answers.ask(hub.database, hub.vault, hub.settings.webhook_policy, received)
    return messages.refusal(callee.inbound, "broken") if answer is None else answer


def _numbers(hub: Hub, callee: Callee) -> QueueNumbers:
    return QueueNumbers(callee.facility, callee.inbound, hub.database.clock())


async def _body(request: Request[Any, Any, Any]) -> Any:
    body = await read_body(request.stream(), seconds=BODY_SECONDS, max_bytes=MAX_BODY_BYTES)
    _, [content, *_] = await parse(body, "application/json")
    return content


def _on_refusal(request: Request[Any, Any, Any], error: Refusal) -> Response[Any]:
    inbound = callers.service(callers.hub_of(request))
    headers = {"Retry-After": "60"} if error.status == 429 else {}
    return Response(messages.refusal(inbound, error.word, error.field), status_code=error.status, headers=headers)


def _on_malformed(request: Request[Any, Any, Any], _: Exception) -> Response[Any]:
    return _on_refusal(request, Refusal("malformed"))


def _on_any_error(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """Log what broke, without the content of the request; the caller shows the answer's text to a patient."""
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
