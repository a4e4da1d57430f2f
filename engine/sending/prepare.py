"""From claimed to ready: what is sent, or why nothing can be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from msgspec import Struct

from adapters.base import Call, Upstream, Verdict
from engine.delivery.status import Status
from engine.delivery.types import AttemptRow, ClaimedDelivery, Settlement
from engine.errors import AntarError
from engine.sending.edited_body import as_change
from engine.specs.context import context
from engine.specs.needs import Resolved
from engine.specs.record_type import Operation, Spec
from engine.templates.template import TemplateError


class NotJSON(AntarError):
    """What a person wrote in place of the payload cannot be sent."""


class Prepared(Struct, frozen=True):
    """A delivery that is ready to be sent."""

    delivery: ClaimedDelivery
    spec: Spec
    operation: Operation
    context: Mapping[str, Any]
    undoes: tuple[tuple[str, str], ...]  # (spec, key) of the records that it takes back
    call: Call | None  # None: nothing is sent, the record is only looked up
    codes: tuple[tuple[str, str, str], ...] = ()  # (type of the item, key, code) of the mapped items in it
    first_step: bool = False  # A create after which an update is due at once


def prepare(
    spec: Spec, delivery: ClaimedDelivery, scope: Mapping[str, Any], resolved: Resolved, upstream: Upstream, now: int
) -> Prepared | Settlement:
    """A Prepared, or the Settlement of what cannot be sent: it waits, or is faulty. Pure: nothing is awaited."""
    operation = spec.operation_for(delivery.reference)
    if resolved.missing:
        return _blocked(delivery, resolved)
    if operation == "update" and spec.update is None:
        return Settlement(delivery, Status.SENT, requeue_if_changed=False)
    scope = {**scope, "needs": resolved.values}
    try:
        if delivery.body is None:
            payload = _payload(spec, operation, scope)
            body = orjson.dumps(payload) if payload is not None else None
        else:
            payload, body = _written(spec, operation, scope, delivery.body)
        call = _call(spec, operation, scope, body, repeated=operation == "create" and delivery.in_doubt)
        first_step = operation == "create" and _update_follows(spec, scope)
    except (TemplateError, NotJSON) as error:
        return _not_sendable(spec, delivery, now, str(error))
    problems = upstream.check(payload) if payload is not None and spec.check else ()
    if problems:
        text = "; ".join(f"{problem.path}: {problem.message}" for problem in problems)
        return _not_sendable(spec, delivery, now, text, call)
    return Prepared(
        delivery, spec, operation, scope, undoes(spec, resolved), call, first_step=first_step, codes=resolved.codes
    )


def undoes(spec: Spec, resolved: Resolved) -> tuple[tuple[str, str], ...]:
    """(spec, key) of what it takes back."""
    found = []
    for need in spec.needs:
        value = resolved.values.get(need.name) if need.undo else None
        for each in value if isinstance(value, list) else [value]:
            found += [(spec, each["key"]) for spec in need.specs] if each else []
    return tuple(found)


def cancelled(spec: Spec, delivery: ClaimedDelivery, now: int) -> Settlement:
    """Nothing is sent, because what it takes back never arrived."""
    attempt = AttemptRow(
        at=now,
        milliseconds=0,
        operation="cancel",
        spec_hash=spec.hash,
        verdict=Verdict.ACCEPTED,
        message=_NEVER_ARRIVED,
    )
    return Settlement(delivery, Status.IGNORED, tries=delivery.tries, problem=_NEVER_ARRIVED, attempts=(attempt,))


def scope_of(spec: Spec, delivery: ClaimedDelivery, facility: Any) -> dict[str, Any]:
    """What the templates of a delivery see before its needs are known."""
    return context(
        spec,
        orjson.loads(delivery.record),
        facility,
        reference=delivery.reference,
        operation=spec.operation_for(delivery.reference),
    )


def _payload(spec: Spec, operation: Operation, scope: Mapping[str, Any]) -> Any:
    tree = spec.payload_for(operation)
    return tree.render(scope) if tree else None


def _written(spec: Spec, operation: Operation, scope: Mapping[str, Any], body: str) -> tuple[Any, bytes]:
    """What a person wrote, and its exact bytes; written before its creation arrived, it is adapted to a change."""
    try:
        written = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise NotJSON(f"Isi yang ditulis bukan JSON: {error}") from error
    if operation == "update":
        adapted = as_change(written, *_payloads(spec, scope), scope["reference"])
        if adapted is not written:
            return adapted, orjson.dumps(adapted)
    return written, body.encode()


def _payloads(spec: Spec, scope: Mapping[str, Any]) -> tuple[Any, Any]:
    """The payloads of the creation and of the change; None for one that the entry cannot make.

    A body may have been written for that very reason, so that it is no error here.
    """
    creation = {**scope, "operation": "create", "reference": None}
    return _rendered(spec, "create", creation), _rendered(spec, "update", scope)


def _rendered(spec: Spec, operation: Operation, scope: Mapping[str, Any]) -> Any:
    try:
        return orjson.loads(orjson.dumps(_payload(spec, operation, scope)))
    except TemplateError:
        return None


def _call(
    spec: Spec, operation: Operation, scope: Mapping[str, Any], body: bytes | None, *, repeated: bool
) -> Call | None:
    request = spec.update if operation == "update" else spec.endpoint
    if request is None:
        return None
    return Call(
        method=request.method,
        path=str(request.path.render(scope)),
        query=request.query.parameters(scope) if request.query else (),
        body=body,
        content_type=request.content_type,
        outcomes=spec.outcomes,
        harmless_twice=operation == "create" and spec.endpoint is not None and spec.endpoint.repeatable,
        repeated=repeated,
    )


def _update_follows(spec: Spec, scope: Mapping[str, Any]) -> bool:
    """Asked before anything is sent: an error in it must not follow an accepted create."""
    after_create = spec.update.after_create if spec.update else None
    return bool(after_create and after_create.render(scope))


def _blocked(delivery: ClaimedDelivery, resolved: Resolved) -> Settlement:
    """What it waits for stands in its waits alone: words would be out of date with the first that arrives."""
    return Settlement(
        delivery,
        Status.BLOCKED,
        tries=delivery.tries,
        in_doubt=delivery.in_doubt,
        waits=resolved.missing,
        codes=resolved.codes,
    )


def _not_sendable(
    spec: Spec, delivery: ClaimedDelivery, now: int, problem: str, call: Call | None = None
) -> Settlement:
    attempt = AttemptRow(
        at=now,
        milliseconds=0,
        operation="check",
        spec_hash=spec.hash,
        verdict=Verdict.REJECTED,
        message=problem,
        method=call.method if call else None,
        path=call.path if call else None,
        request=call.body if call else None,
    )
    return Settlement(
        delivery, Status.FAILED, tries=delivery.tries, in_doubt=delivery.in_doubt, problem=problem, attempts=(attempt,)
    )


_NEVER_ARRIVED = "Tidak perlu dikirim: yang ditarik kembali belum pernah sampai dan sudah dibatalkan di sini."
