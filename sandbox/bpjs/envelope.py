"""Response envelopes of both services."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.bpjs.settings import BpjsSettings
from sandbox.messages import SandboxAnswer, json_answer

Seal = Callable[[Any], str]


@dataclass(frozen=True, slots=True)
class Result:
    """Result of an operation. Only a sealed response is encrypted."""

    code: int
    message: str
    response: Any = None
    sealed: bool = False


def succeeded(content: Any) -> Result:
    """Return the result of a successful read."""
    return Result(200, "OK", content, sealed=True)


def listed(rows: list[Any]) -> Result:
    """Return a whole list with its count."""
    return succeeded({"count": len(rows), "list": rows})


def created(field: str, value: str) -> Result:
    return Result(201, "CREATED", {"field": field, "message": value}, sealed=True)


def failed(*faults: tuple[str, str]) -> Result:
    """Return 412 with its (field, message) pairs, unencrypted."""
    return Result(412, "PRECONDITION_FAILED", [{"field": field, "message": message} for field, message in faults])


def pcare_answer(result: Result, seal: Seal, settings: BpjsSettings) -> SandboxAnswer:
    """Return an HTTP answer whose status is the envelope's code; 204 and 304 have no body."""
    if result.code in {204, 304}:
        return SandboxAnswer(result.code)
    code: int | str = str(result.code) if settings.code_as_text else result.code
    response = seal(result.response) if result.sealed and not settings.plain else result.response
    name = "metadata" if settings.swapped_envelope else "metaData"
    return json_answer(result.code, {"response": response, name: {"message": result.message, "code": code}})


def antrean_answer(result: Result, seal: Seal, settings: BpjsSettings) -> SandboxAnswer:
    """Return an HTTP answer of 200 for refusals too; only an unidentified caller gets another status."""
    name = "metaData" if settings.swapped_envelope else "metadata"
    content: dict[str, Any] = {name: {"code": result.code, "message": result.message}}
    if result.sealed:
        content["response"] = result.response if settings.plain else seal(result.response)
    return json_answer(result.code if result.code >= 400 else 200, content)
