"""Answers of the clinic's own system, passed on to the caller at once; a call is refused if none comes in time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from adapters.clinic_webhook import NotTaken, tell
from adapters.outbound.networks import Policy
from engine.database.database import Database
from engine.facilities.vault import Vault
from engine.inbound.forwarding import system_of
from engine.inbound.requests import DONE, REFUSED, STRANGER, CallerRequest, store

MAX_MESSAGE_CHARACTERS = 200  # a patient reads the message
# Fields that a successful answer must have, by operation.
REQUIRED_FIELDS: Mapping[str, tuple[str, ...]] = {
    "take": ("nomorantrean", "angkaantrean"),
    "show": ("nomorantrean", "sisaantrean"),
    "status": (),
}

log = structlog.get_logger(__name__)


async def ask(database: Database, vault: Vault, policy: Policy, request: CallerRequest) -> dict[str, Any] | None:
    """Return the system's answer in the caller's envelope; None if there is none or it is not valid."""
    system = await system_of(database, vault, request.facility.id, request.inbound, policy)
    if system is None:
        return None
    content = {"inbound": request.inbound.name, "operation": request.operation, "content": dict(request.content)}
    id_, now = f"{request.inbound.name}-ask", database.clock()
    try:
        answer = await tell(system, id_, {**content, "answer": None}, now, request.inbound.patience)
    except NotTaken as problem:
        log.warning("his_not_asked", facility=request.facility.id, operation=request.operation, problem=str(problem))
        return None
    return answer if is_envelope(request.operation, answer) else None


async def answer(
    database: Database, vault: Vault, policy: Policy, request: CallerRequest, instead: dict[str, Any]
) -> dict[str, Any]:
    """Ask the system, store the request with its answer, and return the answer; `instead` if there is none.

    A request that the system has answered is not forwarded to it again.
    """
    his_answer = await ask(database, vault, policy, request)
    sent = instead if his_answer is None else his_answer
    await database.write(store, request, sent, sent["metadata"]["code"], his_answer is not None)
    return sent


def is_envelope(operation: str, answer: Any) -> bool:
    """Return whether an answer has the form {metadata: {code, message}, response?} and the fields of its operation.

    BPJS, the caller, defines this form; Mobile JKN shows the message to the patient.
    """
    metadata = answer.get("metadata") if isinstance(answer, dict) else None
    if not isinstance(metadata, dict) or set(answer) - {"metadata", "response"}:
        return False
    message, code = metadata.get("message"), metadata.get("code")
    if not isinstance(message, str) or len(message) > MAX_MESSAGE_CHARACTERS or code not in (DONE, REFUSED, STRANGER):
        return False
    if code != DONE or operation not in REQUIRED_FIELDS:
        return True
    response = answer.get("response")
    if operation == "status":
        return isinstance(response, (dict, list))
    return isinstance(response, dict) and all(name in response for name in REQUIRED_FIELDS[operation])
