"""Fields of a type whose values a rule may replace: none by which records, patients or drugs are told apart."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from engine.catalog.reading.render import EXAMPLE_FACILITY
from engine.errors import AntarError
from engine.identifiers import masked
from engine.specs.context import context, optional_text
from engine.specs.needs import keys_of_needs
from engine.specs.record_type import Spec
from engine.templates.shapes import branches_of
from engine.templates.template import Template
from engine.value_rules.places import LIST, as_text, replaced, top, values_at

MAX_DEPTH = 6  # of a place
SCALAR_TYPES = ("string", "number", "integer", "boolean")
_READ = re.compile(r"\brecord(?:\.|\[['\"])(\w+)")


class NoRule(StrEnum):
    """Reason for which the value of a field may not be replaced."""

    IDENTITY = "identity"  # it says which record, visit, patient or other record is meant
    CODE = "code"  # the code of a drug or test, which only the mapping may choose
    WITHDRAWAL = "withdrawal"  # it says that the record was handed in by mistake
    UNKNOWN = "unknown"  # the type has no such field


class RecordField(NamedTuple):
    """A field with a single value. `choices` are the values that the schema allows, empty for any of the types."""

    place: str
    types: tuple[str, ...]
    choices: tuple[Any, ...] = ()


def fields_of(spec: Spec, mapped: Collection[str]) -> list[RecordField]:
    """Return the fields whose values may be replaced, in the order of the schema; `mapped` as for `refusal`."""
    fields = _all_fields(spec)
    judge = _Judge(spec, mapped, fields)
    return [field for field in fields if judge.refusal(field) is None]


def field_of(spec: Spec, place: str) -> RecordField | None:
    """Return the field at a place, whether its values may be replaced or not; None if the type has none there."""
    return next((field for field in _all_fields(spec) if field.place == place), None)


def refusal(spec: Spec, field: RecordField | None, mapped: Collection[str]) -> NoRule | None:
    """Return why the values of a field may not be replaced; None if they may.

    `mapped` names the code lists of the mappings, whose codes only a mapping may choose.
    """
    return NoRule.UNKNOWN if field is None else _Judge(spec, mapped, _all_fields(spec)).refusal(field)


class _Judge:
    """Judges fields of one type by what is the same for all of them."""

    def __init__(self, spec: Spec, mapped: Collection[str], fields: Sequence[RecordField]) -> None:
        self._spec = spec
        self._mapped = mapped
        self._choices = {field.place: field.choices for field in fields}
        self._mapped_fields = _mapped_fields(spec)
        self._identity_fields = _identity_fields(spec)
        self._examples = [
            (example, _known_identity(spec, example)) for example in (spec.example, *spec.examples.values())
        ]

    def refusal(self, field: RecordField) -> NoRule | None:
        name, withdrawal = top(field.place), self._spec.withdrawal
        if name in self._mapped_fields:
            return NoRule.CODE
        if name in self._identity_fields or _is_masked(self._spec, field.place) or self._moves_an_example(field):
            return NoRule.IDENTITY
        if withdrawal is not None and name in withdrawal.values:
            return NoRule.WITHDRAWAL
        # A record may also name such a code itself, as that of an allergy names its substance.
        home = field.place.rpartition(".")[0]
        systems = self._choices.get(f"{home}.system", ()) if home else ()
        is_mapped = any(code_list in str(system).lower() for system in systems for code_list in self._mapped)
        return NoRule.CODE if is_mapped else None

    def _moves_an_example(self, field: RecordField) -> bool:
        """Return whether an example has an identifier there, or another value makes another record of the example."""
        for example, known in self._examples:
            old = list(values_at(example, field.place))
            if any(is_identifier(value) for value in old):
                return True
            values = {as_text(value): other_value(field, value) for value in old}
            if values and (
                known is None or _known_identity(self._spec, replaced(example, field.place, values)) != known
            ):
                return True
        return False


def _known_identity(spec: Spec, example: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Return the identity of an example, None if it has none."""
    try:
        return identity(spec, example, EXAMPLE_FACILITY)
    except AntarError:
        return None


def identity(spec: Spec, record: Mapping[str, Any], facility: Any, reference: str | None = None) -> tuple[Any, ...]:
    """Return all by which a record is told apart: a rule must leave it as it is. Raises AntarError."""
    scope = context(spec, record, facility, reference=reference, operation=spec.operation_for(reference))
    needs = tuple((one.need.name, one.targets) for one in keys_of_needs(spec.needs, scope))
    return (
        tuple(optional_text(template, scope) for template in _own(spec)),
        needs,
        spec.is_withdrawn(scope["record"]),
        tuple(_rendered(template, scope) for template in _addresses(spec)),
    )


def keeps_identity(spec: Spec, before: Mapping[str, Any], after: Mapping[str, Any], facility: Any) -> bool:
    """Return whether a changed record is still that of the same patient, visit and key, and refers to the same."""
    try:
        return identity(spec, before, facility) == identity(spec, after, facility)
    except AntarError:
        return False


def is_identifier(value: Any) -> bool:
    """Return whether a value looks like the number of a person: a NIK, a card or a phone."""
    return masked(str(value)) != str(value)


def other_value(field: RecordField, value: Any) -> Any:
    """Return another value of the same kind, to see what depends on it."""
    other = next((choice for choice in field.choices if choice != value), None)
    if other is not None:
        return other
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int | float) else f"{value or ''}x"


def _own(spec: Spec) -> tuple[Template | None, ...]:
    """Return the templates of what identifies a record and its patient."""
    patient = (spec.patient_norm, spec.patient_name, spec.patient_birth_date)
    numbers = (number.value for number in spec.patient_numbers)
    return (spec.key, spec.date, spec.sequence, spec.visit, *patient, *numbers)


def _addresses(spec: Spec) -> Iterator[Template]:
    """Yield the templates of addresses and searches that only see the record."""
    for request in (spec.endpoint, spec.find):
        if request is not None:
            yield request.path
            if request.query is not None:
                yield request.query


def _rendered(template: Template, scope: Mapping[str, Any]) -> Any:
    """Return what a template makes of a record; None if it needs more than that, as the reference of another record."""
    try:
        return template.render(scope)
    except AntarError:
        return None


def fields_read(*templates: Template | None) -> set[str]:
    """Return the fields of the record that templates read."""
    return {name for template in templates if template is not None for name in _READ.findall(template.text)}


def _mapped_fields(spec: Spec) -> set[str]:
    """Return the fields from which the items of mappings are read."""
    mapped = (need for need in spec.needs if need.mapping is not None)
    return fields_read(*(part for need in mapped for part in (need.key, need.each, need.when)))


def _identity_fields(spec: Spec) -> set[str]:
    """Return the fields of which key, day, visit, patient and needs are made, and those by which a search decides."""
    needs = (part for need in spec.needs for part in (need.key, need.each, need.when))
    matched = (spec.find.match,) if spec.find is not None else ()
    return fields_read(*_own(spec), *needs, *matched)


def _is_masked(spec: Spec, place: str) -> bool:
    steps: list[str | None] = []
    for name in place.split("."):
        steps += [name.removesuffix(LIST), None] if name.endswith(LIST) else [name]
    return tuple(steps) in spec.masked


def _all_fields(spec: Spec) -> list[RecordField]:
    return list(_fields(spec.record_schema, spec.record_schema, "", 0))


def _fields(schema: Any, root: Mapping[str, Any], place: str, depth: int) -> Iterator[RecordField]:
    """Yield the fields below a place that hold single values."""
    branches = branches_of(schema, root)
    declared: dict[str, list[Any]] = {}
    for branch in branches:
        properties = branch.get("properties")
        for name, inner in properties.items() if isinstance(properties, Mapping) else ():
            declared.setdefault(name, []).append(inner)
    for name, schemas in declared.items():
        yield from _field(schemas, root, f"{place}.{name}" if place else name, depth + 1)


def _field(schemas: Sequence[Any], root: Mapping[str, Any], place: str, depth: int) -> Iterator[RecordField]:
    branches = [branch for schema in schemas for branch in branches_of(schema, root)]
    items = [branch["items"] for branch in branches if isinstance(branch.get("items"), Mapping)]
    if depth >= MAX_DEPTH:
        return
    if items:
        yield from _field(items, root, f"{place}{LIST}", depth + 1)
    elif any("properties" in branch for branch in branches):
        yield from _fields({"allOf": list(schemas)}, root, place, depth)
    elif (types := _types(branches)) or any("enum" in branch for branch in branches):
        choices = next((tuple(branch["enum"]) for branch in branches if "enum" in branch), ())
        yield RecordField(place, types or ("string",), choices)


def _types(branches: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    declared = [branch["type"] for branch in branches if "type" in branch]
    names = [name for types in declared for name in (types if isinstance(types, list) else [types])]
    return tuple(dict.fromkeys(name for name in names if name in SCALAR_TYPES))
