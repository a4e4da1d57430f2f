"""Answers that the clinic's own system gives, passed on at once; what it does not give in time is refused politely."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from adapters.clinic_webhook import NotTaken, tell
from adapters.outbound.networks import Policy
from engine.database.database import Database
from engine.facilities.vault import Vault
from engine.inbound.forwarding import system_of
from engine.inbound.requests import DONE, REFUSED, STRANGER, CallerRequest, keep

MAX_MESSAGE_CHARACTERS = 200  # characters of a text that a patient reads
# What a successful answer must hold.
REQUIRED_FIELDS: Mapping[str, tuple[str, ...]] = {
    "take": ("nomorantrean", "angkaantrean"),
    "show": ("nomorantrean", "sisaantrean"),
    "status": (),
}

log = structlog.get_logger(__name__)


async def ask(database: Database, vault: Vault, policy: Policy, asked: CallerRequest) -> dict[str, Any] | None:
    """The system's answer in the caller's envelope; None if there is none, or none that can be shown."""
    system = await system_of(database, vault, asked.facility.id, asked.inbound, policy)
    if system is None:
        return None
    content = {"inbound": asked.inbound.name, "operation": asked.operation, "content": dict(asked.content)}
    id_, now = f"{asked.inbound.name}-ask", database.clock()
    try:
        answer = await tell(system, id_, {**content, "answer": None}, now, asked.inbound.patience)
    except NotTaken as problem:
        log.warning("his_not_asked", facility=asked.facility.id, operation=asked.operation, problem=str(problem))
        return None
    return answer if is_envelope(asked.operation, answer) else None


async def answer(
    database: Database, vault: Vault, policy: Policy, asked: CallerRequest, instead: dict[str, Any]
) -> dict[str, Any]:
    """Ask, keep the request with its answer, and give the answer; `instead` where there is none.

    What the system has answered it need not be told again.
    """
    found = await ask(database, vault, policy, asked)
    told = instead if found is None else found
    await database.write(
        lambda connection: keep(database, connection, asked, told, told["metadata"]["code"], found is not None)
    )
    return told


def is_envelope(operation: str, answer: Any) -> bool:
    """Whether it is {metadata: {code, message}, response?} with what a success must hold (reference bpjs 5.7)."""
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
