"""Compiles an entry of the YAML, with its inherited fields, to a Spec."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from engine.catalog.entries.checks import checks
from engine.catalog.entries.corrections import corrections
from engine.catalog.entries.entry_tests import entry_tests
from engine.catalog.entries.needs import needs, needs_shape
from engine.catalog.entries.requests import endpoint, find, update
from engine.catalog.entries.withdrawals import withdrawal
from engine.catalog.reading import values
from engine.catalog.reading.entry_templates import Names, Templates, columns
from engine.catalog.reading.files import Sections
from engine.catalog.reading.inheritance import places_in, with_defaults
from engine.catalog.reading.record_schema import declared_schema
from engine.catalog.sections.mappings import Mapped
from engine.catalog.sections.upstreams import FACILITY, LoadedUpstream, no_templates, outcomes
from engine.json_text import short_hash
from engine.source.faults import Faults
from engine.source.tree import Node
from engine.specs.masked_fields import masked_places
from engine.specs.optional_fields import completion
from engine.specs.record_type import Code, PatientNumber, Spec
from engine.specs.text import Text
from engine.specs.upstream import UpstreamSpec
from engine.templates.shapes import ANY, SCALAR, of_schema, of_value
from engine.templates.template import Template

_REQUIRED = {
    "group": "e.g. group: Klinis",
    "key": 'e.g. key: "{{ record.id }}"',
    "date": 'e.g. date: "{{ record.recorded_at }}"',
    "record": "write the JSON Schema of what the HIS hands in",
    "example": "write a record that satisfies `record`",
}


def inheriting(node: Node, upstream: LoadedUpstream) -> Node:
    """Return the entry with the defaults of its upstream."""
    return with_defaults(node, upstream.defaults)


def load_entry(
    name: str,
    node: Node,
    upstream: LoadedUpstream,
    sections: Sections,
    mapped: Mapping[str, Mapped],
    faults: Faults,
) -> Spec | None:
    """Compile an entry that `inheriting` returned; None if key or date is missing. Other faulty parts become None."""
    path = f"specs.{name}"
    places = places_in(upstream.defaults, f"upstreams.{upstream.spec.name}.defaults")
    templates = Templates(path, upstream.compiler, faults, places)
    _check_completeness(node, name, sections, faults)
    shape = of_schema(declared_schema(node))
    record_names: Names = {"record": shape, "facility": FACILITY, "tables": of_value(_tables(node))}
    need_names: Names = {**record_names, "operation": SCALAR}
    needs_ = needs_shape(node, templates, need_names, mapped)
    request_names: Names = {**need_names, "needs": needs_, "reference": SCALAR}
    parts: dict[str, Any] = {
        **_parts_of_record(node, templates, record_names),
        **_parts_of_requests(node, templates, request_names),
        "needs": needs(node, templates, need_names, mapped),
        "outcomes": outcomes(node, path, faults),
        "tests": entry_tests(node, path, faults),
        "withdrawal": withdrawal(node, path, faults),
    }
    if parts["key"] is None or parts["date"] is None:
        return None
    return Spec(
        name=name,
        source=sections.keys["specs", name],
        hash=entry_hash(node, {**sections.fragments, **upstream.inherited}),
        completion=completion(shape),
        **_plain_fields(node, name, upstream.spec, sections),
        **parts,
    )


def _parts_of_record(node: Node, templates: Templates, names: Names) -> dict[str, Any]:
    """Compile the parts that are rendered from the record alone, by the field of Spec."""
    patient = node.get("patient")
    return {
        "key": _varying(node, "key", templates, names),
        "date": _varying(node, "date", templates, names),
        "sequence": templates.expression(node, "", "sequence", names),
        "visit": templates.expression(node, "", "visit", names),
        "patient_norm": templates.expression(patient, "patient", "norm", names),
        "patient_name": templates.expression(patient, "patient", "name", names),
        "patient_birth_date": templates.expression(patient, "patient", "birth_date", names),
        "patient_numbers": tuple(_patient_numbers(patient, templates, names)),
        "columns": columns(node, templates, names, filters=True),
        "codes": _codes(node, templates, names),
        "checks": checks(node, templates, names),
    }


def _patient_numbers(patient: Node | None, templates: Templates, names: Names) -> Iterator[PatientNumber]:
    for name, node in values.entries(patient, "identifiers").items():
        value = templates.expression(node, f"patient.identifiers.{name}", "value", names)
        if value is not None:
            yield PatientNumber(name, values.label(node, "label", name), value)


def _parts_of_requests(node: Node, templates: Templates, names: Names) -> dict[str, Any]:
    """Compile the parts that also see the references of needs, by the field of Spec."""
    return {
        "corrections": corrections(node, templates, names),
        "payload": templates.tree(node, "", "payload", names),
        "endpoint": endpoint(node, templates, names),
        "update": update(node, templates, names),
        "find": find(node, templates, names),
    }


def _plain_fields(node: Node, name: str, upstream: UpstreamSpec, sections: Sections) -> dict[str, Any]:
    """Return the fields without templates, by the field of Spec."""
    group = values.text(node, "group")
    return {
        "label": values.label(node, "label", name),
        "group": sections.groups.get(group, Text.plain(group)),
        "upstream": upstream,
        "record_schema": declared_schema(node),
        "masked": masked_places(declared_schema(node)),
        "example": values.plain_mapping(node, "example"),
        "examples": values.plain_mapping(node, "examples"),
        "tables": _tables(node),
        "retry": values.fields(node.get("retry"), upstream.retry),
        "retention": values.fields(node.get("retention"), upstream.retention),
        "base_path": values.text(node, "base_path") or None,
        "icon": values.text(node, "icon", "file"),
        "description": values.text(node, "description"),
        "foundation": values.flag(node, "foundation", False),
        "check": values.flag(node, "check", True),
    }


def _codes(entry: Node, templates: Templates, names: Names) -> tuple[Code, ...]:
    codes = []
    for name, node in values.entries(entry, "codes").items():
        items = templates.expression(node, f"codes.{name}", "each", names)
        seen = dict(names)
        if items is not None:
            seen |= {"item": templates.compiler.shape(node.find(["each"]), names).item or ANY, "index": SCALAR}
        key = templates.expression(node, f"codes.{name}", "key", seen)
        if key is not None:
            refuse_at = templates.expression(node, f"codes.{name}", "refuse_at", seen)
            codes.append(Code(name, values.text(node, "list"), key, items, refuse_at))
    return tuple(codes)


def _tables(node: Node) -> dict[str, Any]:
    return values.plain_mapping(node, "tables")


def _check_completeness(node: Node, name: str, sections: Sections, faults: Faults) -> None:
    """Add faults for missing sections, and for sections that exclude each other."""
    place, path = sections.keys["specs", name], f"specs.{name}"
    for key, correction in _REQUIRED.items():
        if node.get(key) is None:
            faults.add(place, path, f"{key!r} is missing; {correction}")
    if node.get("endpoint") is None:
        if node.get("find") is None:
            faults.add(place, path, "neither endpoint nor find; write endpoint to send, find to look up")
        if node.get("update") is not None:
            faults.add(node.keys["update"], f"{path}.update", "update without endpoint; add endpoint or remove it")
    tables = node.get("tables")
    if tables is not None:
        no_templates(tables, f"{path}.tables", faults)


def _varying(node: Node, key: str, templates: Templates, names: Names) -> Template | None:
    """Compile a key or date; it is a fault if it is the same for every record."""
    leaf = node.get(key)
    if leaf is not None and "{{" not in str(leaf.value):
        message = f"is the same for every record; write an expression, e.g. {{{{ record.{key} }}}}"
        templates.faults.add(leaf.source, f"{templates.path}.{key}", message)
    return templates.expression(node, "", key, names)


def entry_hash(entry: Node, inherited: Mapping[str, Node]) -> str:
    """Hash an entry with the constants, filters and fragments that it uses, directly or through one of them."""
    content: dict[str, Any] = {"entry": entry.plain()}
    words = _words(content)
    while used := {name for name in inherited if name in words and name not in content}:
        for name in sorted(used):
            content[name] = inherited[name].plain()
            words |= _words(content[name])
    return short_hash(content)


def _words(value: Any) -> set[str]:
    return set(re.findall(r"[\w-]+", orjson.dumps(value).decode()))
