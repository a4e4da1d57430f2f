"""Judges records as intake and sending would, down to the payload's check before sending; stores and sends nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from adapters.base import Problem, Upstream
from engine.catalog.reading.render import placeholders
from engine.delivery.types import Awaited
from engine.errors import AntarError
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub
from engine.intake.intake import Acceptable, Refused
from engine.sending.references import look_up
from engine.specs.context import context
from engine.specs.needs import NeedKeys, Target, keys_of_needs, resolve, targets_of
from engine.specs.record_type import Operation, Reference, Spec
from engine.time_slice import TimeSlice
from engine.value_rules.active import rules_of
from engine.value_rules.rules import applied


@dataclass(frozen=True, slots=True)
class CheckedRecord:
    """A record that would be stored: what it would wait for, and why its payload would not be sent."""

    index: int
    key: str
    warnings: tuple[str, ...]
    waits_for: tuple[Awaited, ...] = ()
    problems: tuple[Problem, ...] = ()  # found in the payload before sending, where paths are those of the payload


@dataclass(frozen=True, slots=True)
class _Rendering:
    """The parts from which the payload of an acceptable record is rendered."""

    judged: Acceptable
    operation: Operation
    scope: Mapping[str, Any]
    needs: list[NeedKeys]


async def check_records(
    hub: Hub, facility: FacilityRow, type_name: str, records: Sequence[Any]
) -> list[CheckedRecord | Refused]:
    """Return a result for each record, in order. A record is created or updated as it would be now.

    Two queries look up references for all records, and one more for each mapping that they use. Raises NotFound.
    """
    judged = await hub.intake.judge(facility, type_name, records)
    spec = hub.catalog.specs.get(type_name)
    results: dict[int, CheckedRecord | Refused] = {}
    good: list[Acceptable] = []
    for one in judged:
        if isinstance(one, Refused):
            results[one.index] = one
        elif spec is None:  # items of a mapping are not sent
            results[one.index] = CheckedRecord(one.index, one.key, one.warnings)
        else:
            good.append(one)
    if spec is not None and good:
        for checked in await _check_payloads(hub, facility, spec, good, records):
            results[checked.index] = checked
    return [results[index] for index in range(len(records))]


async def _check_payloads(
    hub: Hub, facility: FacilityRow, spec: Spec, good: Sequence[Acceptable], records: Sequence[Any]
) -> list[CheckedRecord]:
    own = (await look_up(hub.database, [(facility.id, spec.name, one.key) for one in good], {})).known
    rules = await rules_of(hub.database, facility.id, spec.name)
    checked, renderings, time_slice = list[CheckedRecord](), list[_Rendering](), TimeSlice()
    for one in good:
        await time_slice.pause()
        reference = own.get((facility.id, spec.name, one.key))
        try:
            record, _ = applied(spec, records[one.index], rules, facility)
            renderings.append(_rendering(spec, one, record, facility, reference))
        except AntarError as error:
            checked.append(_with_problem(one, error))
    targets = [target for one in renderings for target in targets_of(one.needs, facility.id)]
    references = (await look_up(hub.database, targets, hub.catalog.items)).standing()  # the others are waited for
    upstream = hub.upstream(spec.upstream.name)
    for rendering in renderings:
        await time_slice.pause()
        checked.append(_check_payload(spec, rendering, facility, references, upstream))
    return checked


def _rendering(
    spec: Spec, judged: Acceptable, record: Any, facility: FacilityRow, known: Reference | None
) -> _Rendering:
    reference = None if known is None else known.reference
    operation = spec.operation_for(reference)
    scope = context(spec, record, facility, reference=reference, operation=operation)
    return _Rendering(judged, operation, scope, keys_of_needs(spec.needs_for(operation), scope))


def _check_payload(
    spec: Spec, rendering: _Rendering, facility: FacilityRow, references: Mapping[Target, Reference], upstream: Upstream
) -> CheckedRecord:
    """Render the payload with placeholders for what is awaited, and check it as before sending."""
    one, tree = rendering.judged, spec.payload_for(rendering.operation)
    waits_for = resolve(rendering.needs, spec.needs, facility.id, references).missing
    completed = {**references, **placeholders(rendering.needs, facility.id, references)}
    needs = resolve(rendering.needs, spec.needs, facility.id, completed).values
    try:
        payload = None if tree is None else orjson.loads(orjson.dumps(tree.render({**rendering.scope, "needs": needs})))
    except AntarError as error:
        return _with_problem(one, error, waits_for)
    problems = upstream.check(payload) if payload is not None and spec.check else ()
    return CheckedRecord(one.index, one.key, one.warnings, waits_for, tuple(problems))


def _with_problem(one: Acceptable, error: AntarError, waits_for: tuple[Awaited, ...] = ()) -> CheckedRecord:
    return CheckedRecord(one.index, one.key, one.warnings, waits_for, (Problem("$", str(error)),))
