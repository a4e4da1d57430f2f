"""Tests the configuration by its own examples and tests: payloads, refusals, and what answers are taken for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, cast

import orjson

from adapters.base import Call, Problem, Reply, Verdict
from adapters.registry import ADAPTERS
from adapters.verdicts import Judge
from adapters.wire.contract import Response
from engine.catalog.catalog import Catalog
from engine.catalog.reading.render import placeholder_context, problems_of
from engine.errors import AntarError
from engine.sending.find import FindResult, as_reference, look
from engine.source.faults import Fault, Source
from engine.specs.checks import failed
from engine.specs.entry_test import EntryTest
from engine.specs.record_type import Operation, Spec

_REFERENCE = "0"  # of a record that is updated: a placeholder that FHIR takes for an id


PayloadCheck = Callable[[Any], Sequence[Problem]]  # of a payload before it is sent
Say = Callable[[str], str]  # says a message of the adapters or the engine in a language


def run(catalog: Catalog, say: Say) -> list[Fault]:
    """Return a fault for each example that the adapter's check refuses, and for each test that fails."""
    return [fault for spec in catalog.specs.values() for fault in _run(spec, say)]


def _run(spec: Spec, say: Say) -> Iterator[Fault]:
    try:
        check = _check_of(spec)
    except ValueError as error:  # a setting that the adapter demands
        yield _fault(spec.source, f"specs.{spec.name}.upstream", str(error))
        return
    yield from _examples(spec, check, say)
    for test in spec.tests:
        for text in _failures(spec, test, check, say):
            yield _fault(test.source, f"specs.{spec.name}.tests", f"{test.name}: {text}")


def _check_of(spec: Spec) -> PayloadCheck:
    """Return the check before sending; raises ValueError if the adapter does not take the upstream's settings."""
    make = ADAPTERS.get(spec.upstream.adapter)
    if make is None or not spec.check:
        return lambda _: ()
    nothing = cast(Any, None)  # neither tokens nor a wire: nothing is sent
    return make(spec.upstream.profile, nothing, nothing).check


def _fault(source: Source, path: str, message: str) -> Fault:
    return Fault(source.file, source.line, source.column, path, message)


def _examples(spec: Spec, check: PayloadCheck, say: Say) -> Iterator[Fault]:
    """Yield what the adapter refuses in the payloads of the examples, at the payload, each kind of problem once."""
    told = set[Problem]()
    for name, record, operations in _sendable(spec):
        for operation in operations:
            tree = spec.payload_for(operation)
            if tree is None:
                continue
            for problem in check(_payload(spec, record, operation)):
                if problem not in told:
                    told.add(problem)
                    text = f"{_said(problem, say)} (payload of {name}, {operation})"
                    yield _fault(tree.source, f"specs.{spec.name}.payload", text)


def _sendable(spec: Spec) -> Iterator[tuple[str, Mapping[str, Any], tuple[Operation, ...]]]:
    """Yield the name of each example, its record and what is sent of it; each also as it is when withdrawn."""
    operations: tuple[Operation, ...] = ("create",) if spec.update is None else ("create", "update")
    for name, record in {"example": spec.example, **spec.examples}.items():
        yield name, record, operations
        if spec.withdrawal is not None:
            yield f"{name}, withdrawn", spec.withdrawal.applied(record), ("update",)


def _payload(spec: Spec, record: Mapping[str, Any], operation: Operation) -> Any:
    """Return the payload as it is sent, with placeholders for what it refers to; None if the request has none."""
    tree = spec.payload_for(operation)
    return None if tree is None else orjson.loads(orjson.dumps(tree.render(_scope(spec, record, operation))))


def _scope(spec: Spec, record: Mapping[str, Any], operation: Operation) -> dict[str, Any]:
    scope = placeholder_context(spec, record, operation=operation)
    return {**scope, "reference": _REFERENCE} if operation == "update" else scope


def _failures(spec: Spec, test: EntryTest, check: PayloadCheck, say: Say) -> Iterator[str]:
    """Yield what comes out otherwise than the test expects."""
    try:
        problems = problems_of(spec, test.record)
        if {problem.path for problem in problems} != test.refused:
            found = ", ".join(_said(problem, say) for problem in problems) or "nothing"
            yield f"refused is {found}; expected {_listed(test.refused)}"
        if problems or test.refused:
            return
        yield from _failures_of_taken(spec, test, check, say)
    except AntarError as error:
        yield say(str(error))


def _failures_of_taken(spec: Spec, test: EntryTest, check: PayloadCheck, say: Say) -> Iterator[str]:
    operation: Operation = "update" if test.operation == "update" else "create"
    scope = _scope(spec, test.record, operation)
    warned = {path for path, _ in failed(spec, scope, refuse=False)}
    if warned != test.warned:
        yield f"warned is {_listed(warned)}; expected {_listed(test.warned)}"
    payload = _payload(spec, test.record, operation)
    for problem in () if payload is None else check(payload):
        yield f"the payload is refused before sending: {_said(problem, say)}"
    for expected in test.payload:
        value = expected.path.search(payload)
        if value != expected.value:
            yield f"payload {expected.path.expression} is {_json(value)}; expected {_json(expected.value)}"
    if test.answer is not None:
        yield from _failures_of_answer(spec, test, scope)


def _failures_of_answer(spec: Spec, test: EntryTest, scope: Mapping[str, Any]) -> Iterator[str]:
    reply = _reply(spec, test)
    if test.verdict is not None and reply.verdict != test.verdict:
        yield f"verdict is {reply.verdict.value}; expected {test.verdict}"
    if test.has_reference:
        reference = _reference(spec, test, scope, reply)
        if reference != test.reference:
            yield f"reference is {_json(reference)}; expected {_json(test.reference)}"


def _reply(spec: Spec, test: EntryTest) -> Reply:
    """Return the given answer as the upstream's rules judge it."""
    answer, request = test.answer, spec.update if test.operation == "update" else spec.endpoint
    assert answer is not None, "only tests with an answer come here"  # noqa: S101
    method = "GET" if test.operation == "find" or request is None else request.method
    body = answer.body.encode() if isinstance(answer.body, str) else orjson.dumps(answer.body)
    call = Call(method, "/", outcomes=() if test.operation == "find" else spec.outcomes)
    response = Response(answer.status, {b"content-type": answer.media.encode()}, body)
    return Judge(spec.upstream.profile).judge(call, response, now=0.0, seconds=0.0)[0]


def _reference(spec: Spec, test: EntryTest, scope: Mapping[str, Any], reply: Reply) -> str | None:
    """Return the id that is read from an answer; None if it has none, or if a person has to choose."""
    if reply.verdict is not Verdict.ACCEPTED:
        return None
    if test.operation != "find" and spec.endpoint is not None:
        return as_reference(spec.endpoint.reference.render({**scope, "body": reply.content}))
    return None if spec.find is None else asyncio.run(_look(spec, scope, reply)).reference


async def _look(spec: Spec, scope: Mapping[str, Any], reply: Reply) -> FindResult:
    async def ask(_: Call) -> Reply:
        return reply

    assert spec.find is not None, "only entries with a search come here"  # noqa: S101
    return await look(spec.find, scope, ask)


def _said(problem: Problem, say: Say) -> str:
    return f"{problem.path} {say(problem.message)}"


def _listed(paths: Collection[str]) -> str:
    return ", ".join(sorted(paths)) or "nothing"


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
