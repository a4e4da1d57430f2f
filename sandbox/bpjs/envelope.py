"""How both services wrap what they say (reference bpjs 2.2, 3.1, 3.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.bpjs.settings import Settings
from sandbox.messages import Answer, json_answer

NOTHING = object()
Seal = Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class Said:
    """What an operation answers. Only a sealed response is encrypted."""

    code: int
    message: str
    response: Any = None
    sealed: bool = False


def found(content: Any) -> Said:
    """A read that worked."""
    return Said(200, "OK", content, sealed=True)


def listed(rows: list[Any]) -> Said:
    """A whole list with its count."""
    return found({"count": len(rows), "list": rows})


def created(field: str, value: str) -> Said:
    return Said(201, "CREATED", {"field": field, "message": value}, sealed=True)


def failed(*faults: tuple[str, str]) -> Said:
    """412 with its (field, message) pairs, in the clear."""
    return Said(412, "PRECONDITION_FAILED", [{"field": field, "message": message} for field, message in faults])


def pcare_answer(said: Said, seal: Seal, settings: Settings) -> Answer:
    """HTTP carries the same number as the envelope; 204 and 304 have no body."""
    if said.code in {204, 304}:
        return Answer(said.code)
    code: int | str = str(said.code) if settings.code_as_text else said.code
    response = seal(said.response) if said.sealed and not settings.plain else said.response
    name = "metadata" if settings.swapped_envelope else "metaData"
    return json_answer(said.code, {"response": response, name: {"message": said.message, "code": code}})


def antrean_answer(said: Said, seal: Seal, settings: Settings) -> Answer:
    """Refusals come with HTTP 200; only who is not known gets another status."""
    name = "metaData" if settings.swapped_envelope else "metadata"
    content: dict[str, Any] = {name: {"code": said.code, "message": said.message}}
    if said.sealed:
        content["response"] = said.response if settings.plain else seal(said.response)
    return json_answer(said.code if said.code >= 400 else 200, content)
