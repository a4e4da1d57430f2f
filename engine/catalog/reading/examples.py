"""Checks the examples of an entry: each must satisfy the record schema and render, which tests the templates too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from engine.catalog.reading.grammar import dotted
from engine.catalog.reading.record_schema import SchemaFaults, Steps, Validator, json_path
from engine.catalog.reading.render import EXAMPLE_FACILITY, placeholder_context
from engine.delivery.status import KEY_LENGTH
from engine.source.faults import Faults, Source
from engine.source.tree import Node
from engine.specs.checks import refusals, warnings
from engine.specs.record_type import Operation, Spec
from engine.templates.filters import local_date
from engine.templates.template import Template, TemplateError


def check_examples(spec: Spec, entry: Node, *, clean: bool, faults: Faults) -> None:
    """Check the record schema and the examples; examples are rendered only if the entry is `clean` so far."""
    path = f"specs.{spec.name}"
    examples = {"example": spec.example, **{f"examples.{name}": record for name, record in spec.examples.items()}}
    valid = check_record(path, entry, spec.record_schema, examples, faults)
    for name in valid if clean else ():
        source = entry.find(list(name.split(".", 1))).source
        _check_rendering(spec, examples[name], _Place(source, f"{path}.{name}"), faults)
    if clean and spec.withdrawal is not None:
        _check_withdrawal(spec, entry, [examples[name] for name in valid], faults)


def _check_withdrawal(spec: Spec, entry: Node, records: Iterable[Mapping[str, Any]], faults: Faults) -> None:
    """Check that each example can be withdrawn: the record is still one, and the upstream is told something new."""
    withdrawal, path = spec.withdrawal, f"specs.{spec.name}.withdrawal"
    assert withdrawal is not None, "only entries that declare it come here"  # noqa: S101
    place, validator = entry.find(["withdrawal"]).source, Validator(spec.record_schema)
    problems: dict[str, None] = {}
    is_told = False
    for record in records:
        withdrawn = withdrawal.applied(record)
        violations = validator.violations(withdrawn)
        problems |= dict.fromkeys(f"{json_path(one.steps)} {one.message}" for one in violations)
        if not violations:
            try:
                is_told |= _tells_withdrawal(spec, record, withdrawn)
            except TemplateError as error:
                problems[error.message] = None
    if not problems and not is_told:
        problems["no payload differs from the one without them"] = None
    for problem in problems:
        faults.add(place, path, f"in an example with these values: {problem}; mend `record`, `payload` or the values")


def _tells_withdrawal(spec: Spec, record: Mapping[str, Any], withdrawn: Mapping[str, Any]) -> bool:
    """Return whether the update of a withdrawn record differs from that of the record. Raises TemplateError."""
    tree = spec.payload_for("update")
    scopes = [placeholder_context(spec, one, EXAMPLE_FACILITY, "update") for one in (record, withdrawn)]
    return tree is None or tree.render(scopes[0]) != tree.render(scopes[1])


def check_record(
    path: str, entry: Node, schema: Mapping[str, Any], examples: Mapping[str, Mapping[str, Any]], faults: Faults
) -> list[str]:
    """Check the record schema and each example against it; return the names of valid examples."""
    if any(fault.path.startswith(f"{path}.record") for fault in faults.reported):
        return []
    try:
        validator = Validator(schema)
    except SchemaFaults as error:
        for violation in error.violations:
            steps: Steps = ["record", *violation.steps]
            message = violation.message
            message = message if "; " in message else f"{message}; write JSON Schema 2020-12"
            faults.add(entry.find(steps).source, f"{path}.{dotted(steps)}", message)
        return []
    return [name for name, record in examples.items() if _satisfies(validator, path, entry, name, record, faults)]


def _satisfies(
    validator: Validator, path: str, entry: Node, name: str, record: Mapping[str, Any], faults: Faults
) -> bool:
    steps: Steps = list(name.split(".", 1))
    node, violations = entry.find(steps), validator.violations(record)
    for violation in violations:
        place = node.place(violation.steps, at_key=violation.at_key)
        message = f"{violation.message}; the example must satisfy `record`"
        faults.add(place, f"{path}.{dotted([*steps, *violation.steps])}", message)
    return not violations


class _Place:
    """Place and path of an example."""

    def __init__(self, source: Source, path: str) -> None:
        self.source = source
        self.path = path


def _check_rendering(spec: Spec, record: Mapping[str, Any], place: _Place, faults: Faults) -> None:
    operations: tuple[Operation, ...] = ("create",) if spec.update is None else ("create", "update")
    for operation in operations:
        try:
            scope = placeholder_context(spec, record, EXAMPLE_FACILITY, operation)
            _check_key_and_date(spec, scope, place, faults)
            _check_checks(spec, scope, place, faults)
            for template in _templates(spec, operation):
                template.render(scope)
        except TemplateError as error:
            source = Source(error.file, error.line, error.column)
            faults.add(source, error.path, f"{error.message} (rendering {place.path}, {operation}); mend either")
            return


def _check_key_and_date(spec: Spec, scope: Mapping[str, Any], place: _Place, faults: Faults) -> None:
    key = spec.key.render(scope)
    if not 0 < len("" if key is None else str(key)) <= KEY_LENGTH:
        faults.add(place.source, place.path, f"its key is {key!r}; a key must have 1 to {KEY_LENGTH} characters")
    date = spec.date.render(scope)
    try:
        local_date("" if date is None else date, EXAMPLE_FACILITY.time_zone)
    except ValueError as error:
        faults.add(place.source, place.path, f"its date cannot be read: {error}")


def _check_checks(spec: Spec, scope: Mapping[str, Any], place: _Place, faults: Faults) -> None:
    for problem in refusals(spec, scope):
        faults.add(place.source, place.path, f"{problem.path} {problem.message}: the example must pass the checks")
    warnings(spec, scope)  # only whether it can be rendered


def _templates(spec: Spec, operation: Operation) -> Iterator[Template]:
    """Return all templates that can be rendered without an answer of the upstream."""
    yield from (column.value for column in spec.columns)
    yield from (correction.when for correction in spec.corrections if correction.when is not None)
    yield from (template for template in (spec.patient_norm, spec.patient_name) if template is not None)
    main = spec.update if operation == "update" else spec.endpoint
    for request in (main, spec.find if operation == "create" else None):
        if request is not None:
            yield request.path
            if request.query is not None:
                yield request.query
    if operation == "update" and spec.update is not None:
        yield from (template for template in (spec.update.payload, spec.update.after_create) if template is not None)
        if spec.update.payload is not None:
            return
    if spec.payload is not None:
        yield spec.payload
