"""Prepares claimed deliveries: renders the requests that can be sent and settles the deliveries that cannot be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from msgspec import Struct
from msgspec.structs import replace

from adapters.base import Call, Upstream, Verdict
from adapters.messages import at, message, together
from engine.catalog.catalog import Catalog
from engine.database.database import Database
from engine.delivery.status import Status
from engine.delivery.types import ClaimedDelivery, NewAttempt, Settlement, given_back
from engine.errors import AntarError, words_of
from engine.facilities.facilities import FacilityRow
from engine.outbox.cancel import cancel
from engine.sending import references
from engine.sending.edited_body import as_change
from engine.sending.not_sent import NEVER_ARRIVED, WITHDRAWN, needs_withdrawn, not_needed
from engine.sending.references import References
from engine.sending.sequences import overtaking
from engine.specs import needs
from engine.specs.context import context, facility_mapping
from engine.specs.needs import NeedKeys, Resolved, Target
from engine.specs.record_type import Operation, Reference, Spec
from engine.templates.template import TemplateError
from engine.value_rules.rules import ActiveRule, applied


class NotJSON(AntarError):
    """A body that a person wrote in place of the payload and that cannot be sent."""


class Prepared(Struct, frozen=True):
    """A delivery that is ready to be sent."""

    delivery: ClaimedDelivery
    spec: Spec
    operation: Operation
    context: Mapping[str, Any]
    undoes: tuple[tuple[str, str], ...]  # (spec, key) of the records that it takes back
    call: Call | None  # None: nothing is sent, the record is only looked up
    codes: tuple[tuple[str, str, str], ...] = ()  # (type of the item, key, code) of the mapped items in it
    value_rules: tuple[int, ...] = ()  # ids of the rules that replaced values in its record
    first_step: bool = False  # a create that is followed by an update at once
    # In place of a create that must not leave, if a search shows that the record has not arrived.
    instead: Settlement | None = None


class _Pending(Struct, frozen=True):
    """A delivery whose type goes to the channel, with the records that it needs."""

    delivery: ClaimedDelivery
    spec: Spec
    operation: Operation
    scope: Mapping[str, Any]
    needs: list[NeedKeys]
    value_rules: tuple[int, ...] = ()

    def cancellable(self, arrived: Mapping[Target, Reference]) -> list[Target]:
        """Return the records that it takes back and that have no reference."""
        return needs.undone(self.needs, self.delivery.facility_id, arrived)


async def prepare_batch(
    database: Database,
    catalog: Catalog,
    facility: FacilityRow,
    upstream_name: str,
    upstream: Upstream,
    claimed: Iterable[ClaimedDelivery],
    rules: Mapping[str, Sequence[ActiveRule]] | None = None,
) -> tuple[list[Prepared], list[Settlement]]:
    """Return the deliveries that can be sent, and settlements of those that cannot.

    `rules` are those of the facility, by type, that replace values of its records.
    """
    prepared, settled, pending = list[Prepared](), list[Settlement](), list[_Pending]()
    rules, facility_view = rules or {}, facility_mapping(facility)
    for delivery in claimed:
        result = _pending(catalog, facility_view, upstream_name, delivery, rules.get(delivery.spec, ()))
        if isinstance(result, _Pending):
            pending.append(result)
        else:
            settled.append(result)
    targets = [target for one in pending for target in needs.targets_of(one.needs, one.delivery.facility_id)]
    arrived = await references.look_up(database, targets, catalog.items)
    overtakes = await overtaking(database, [one.delivery for one in pending])
    settled += [given_back(one.delivery) for one in pending if one.delivery.id in overtakes]
    pending = [one for one in pending if one.delivery.id not in overtakes]
    known = arrived.known
    cancellable = {one.delivery.id: one.cancellable(known) for one in pending if one.spec.undo_needs}
    cancelled = await cancel(database, [target for targets in cancellable.values() for target in targets])
    never_arrived = {id_ for id_, targets in cancellable.items() if targets and cancelled.issuperset(targets)}
    now = database.clock()
    for one in pending:
        outcome = _prepare_one(one, arrived, never_arrived, upstream, now, catalog)
        if isinstance(outcome, Prepared):
            prepared.append(outcome)
        else:
            settled.append(outcome)
    return prepared, settled


def _pending(
    catalog: Catalog,
    facility: Mapping[str, Any],
    upstream_name: str,
    delivery: ClaimedDelivery,
    rules: Sequence[ActiveRule],
) -> _Pending | Settlement:
    spec = catalog.specs.get(delivery.spec)
    if spec is None:
        problem = message("delivery.unknown_type", type=delivery.spec)
        return Settlement(delivery, Status.FAILED, in_doubt=delivery.in_doubt, problem=problem)
    if spec.upstream.name != upstream_name:
        return replace(given_back(delivery), upstream=spec.upstream.name)
    used: tuple[int, ...] = ()
    try:
        record = orjson.loads(delivery.record)
        if rules and delivery.body is None:  # what a person wrote is sent as they wrote it
            record, used = applied(spec, record, rules, facility)
        operation = spec.operation_for(delivery.reference)
        scope = context(spec, record, facility, reference=delivery.reference, operation=operation)
        record_needs = needs.keys_of_needs(spec.needs_for(operation), scope)
    except Exception as error:
        return _broken(delivery, error)
    return _Pending(delivery, spec, operation, scope, record_needs, used)


def _prepare_one(
    pending: _Pending, arrived: References, never_arrived: set[int], upstream: Upstream, now: int, catalog: Catalog
) -> Prepared | Settlement:
    """Prepare one delivery; `never_arrived` are the deliveries that take back only what was cancelled."""
    delivery, spec = pending.delivery, pending.spec
    if delivery.id in never_arrived:
        return not_needed(spec, delivery, now, NEVER_ARRIVED)
    instead = _instead_of_create(pending, arrived, now, catalog)
    if instead is not None and not delivery.in_doubt:
        return instead
    resolved = needs.resolve(pending.needs, spec.needs, delivery.facility_id, arrived.known)
    try:
        prepared = prepare(spec, delivery, pending.scope, resolved, upstream, now)
    except Exception as error:
        return _broken(delivery, error)
    if isinstance(prepared, Prepared):
        # Not made anew for every delivery: nearly none has a rule, or must not be created.
        if pending.value_rules:
            prepared = replace(prepared, value_rules=pending.value_rules)
        return prepared if instead is None else replace(prepared, instead=instead)
    if instead is None:
        return prepared
    # Blocked by a withdrawn record, the search for the delivery would wait for ever.
    return instead if instead.waits and prepared.status is Status.BLOCKED else prepared


def _instead_of_create(pending: _Pending, arrived: References, now: int, catalog: Catalog) -> Settlement | None:
    """Return the settlement of a record that must not be created: it, or a record that it needs, was withdrawn."""
    if pending.operation == "create" and pending.spec.is_withdrawn(pending.scope["record"]):
        return not_needed(pending.spec, pending.delivery, now, WITHDRAWN)
    if not arrived.withdrawn:
        return None
    # A change of what the upstream has is sent with the references that it has, withdrawn or not.
    usable = arrived.standing() if pending.operation == "create" else arrived.known
    resolved = needs.resolve(pending.needs, pending.spec.needs, pending.delivery.facility_id, usable)
    withdrawn = [
        (name, awaited.key)
        for awaited in resolved.missing
        for name in awaited.specs
        if (pending.delivery.facility_id, name, awaited.key) in arrived.withdrawn
    ]
    return needs_withdrawn(pending.delivery, withdrawn, catalog) if withdrawn else None


def _broken(delivery: ClaimedDelivery, error: Exception) -> Settlement:
    """Return the failure of this delivery alone, so that a poisonous record does not stop the batch."""
    return Settlement(
        delivery, Status.FAILED, tries=delivery.tries, in_doubt=delivery.in_doubt, problem=words_of(error)
    )


def prepare(
    spec: Spec, delivery: ClaimedDelivery, scope: Mapping[str, Any], resolved: Resolved, upstream: Upstream, now: int
) -> Prepared | Settlement:
    """Return a Prepared, or the Settlement of a delivery that has to wait or is faulty. Reads and writes nothing."""
    operation: Operation = scope["operation"]
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
            payload, body = _edited(spec, operation, scope, delivery.body)
        call = _call(spec, operation, scope, body, repeated=operation == "create" and delivery.in_doubt)
        first_step = operation == "create" and _update_follows(spec, scope)
    except (TemplateError, NotJSON) as error:
        return _not_sendable(spec, delivery, now, str(error))
    problems = upstream.check(payload) if payload is not None and spec.check else ()
    if problems:
        text = together([at(problem.path, problem.message) for problem in problems])
        return _not_sendable(spec, delivery, now, text, call)
    return Prepared(
        delivery, spec, operation, scope, undoes(spec, resolved), call, first_step=first_step, codes=resolved.codes
    )


def undoes(spec: Spec, resolved: Resolved) -> tuple[tuple[str, str], ...]:
    """Return (spec, key) of the records that the delivery takes back."""
    targets = []
    for need in spec.undo_needs:
        value = resolved.values.get(need.name)
        for view in value if isinstance(value, list) else [value]:
            targets += [(name, view["key"]) for name in need.specs] if view else []
    return tuple(targets)


def _payload(spec: Spec, operation: Operation, scope: Mapping[str, Any]) -> Any:
    tree = spec.payload_for(operation)
    return tree.render(scope) if tree else None


def _edited(spec: Spec, operation: Operation, scope: Mapping[str, Any], body: str) -> tuple[Any, bytes]:
    """Return the body that a person wrote, and its exact bytes; one written for a create is adapted to an update."""
    try:
        edited = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise NotJSON(message("body.not_json", error=str(error))) from error
    if operation == "update":
        adapted = as_change(edited, *_payloads(spec, scope), scope["reference"])
        if adapted is not edited:
            return adapted, orjson.dumps(adapted)
    return edited, body.encode()


def _payloads(spec: Spec, scope: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the payloads of create and update; None for one that the entry cannot make."""
    # No error: a person may have written the body because the entry cannot make the payload.
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
        base_path=spec.base_path,
    )


def _update_follows(spec: Spec, scope: Mapping[str, Any]) -> bool:
    """Return whether an update has to follow the create at once."""
    # Rendered before anything is sent: an error in the template must not follow an accepted create.
    after_create = spec.update.after_create if spec.update else None
    return bool(after_create and after_create.render(scope))


def _blocked(delivery: ClaimedDelivery, resolved: Resolved) -> Settlement:
    # Without a problem text: it would be out of date as soon as the first of the awaited records arrives.
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
    attempt = NewAttempt(
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
