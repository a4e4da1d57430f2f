"""An entry of the YAML with what it inherits, compiled to a Spec."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from engine.catalog.entries.corrections import corrections
from engine.catalog.entries.needs import needs, needs_shape
from engine.catalog.entries.requests import endpoint, find, update
from engine.catalog.reading import values
from engine.catalog.reading.entry_templates import Names, Templates, columns
from engine.catalog.reading.files import Sections
from engine.catalog.reading.inheritance import places_in, with_defaults
from engine.catalog.sections.mappings import Mapped
from engine.catalog.sections.upstreams import FACILITY, LoadedUpstream, no_templates, outcomes, retention, retry
from engine.json_text import short_hash
from engine.source.faults import Faults
from engine.source.tree import Node
from engine.specs.optional_fields import completion
from engine.specs.record_type import Code, Spec
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
    """The entry with its upstream's defaults."""
    return with_defaults(node, upstream.defaults)


def load_entry(
    name: str,
    node: Node,
    upstream: LoadedUpstream,
    sections: Sections,
    mapped: Mapping[str, Mapped],
    faults: Faults,
) -> Spec | None:
    """The compiled entry, of the node that `inheriting` gave; None where too much is missing. Faults leave holes."""
    path = f"specs.{name}"
    places = places_in(upstream.defaults, f"upstreams.{upstream.spec.name}.defaults")
    templates = Templates(path, upstream.compiler, faults, places)
    _check_whole(node, name, sections, faults)
    schema, tables = _record_schema(node), values.plain_mapping(node, "tables")
    shape = of_schema(schema)
    given: Names = {"record": shape, "facility": FACILITY, "tables": of_value(tables)}
    wanting: Names = {**given, "operation": SCALAR}
    sending: Names = {**wanting, "needs": needs_shape(node, templates, wanting, mapped), "reference": SCALAR}
    key, date = (_of_record(node, each, templates, given) for each in ("key", "date"))
    patient = node.get("patient")
    parts: dict[str, Any] = {
        "sequence": templates.expression(node, "", "sequence", given),
        "patient_norm": templates.expression(patient, "patient", "norm", given),
        "patient_name": templates.expression(patient, "patient", "name", given),
        "columns": columns(node, templates, given),
        "needs": needs(node, templates, wanting, mapped),
        "codes": _codes(node, templates, given),
        "corrections": corrections(node, templates, sending),
        "payload": templates.tree(node, "", "payload", sending),
        "endpoint": endpoint(node, templates, sending),
        "update": update(node, templates, sending),
        "find": find(node, templates, sending),
        "outcomes": outcomes(node, path, faults),
    }
    if key is None or date is None:
        return None
    return Spec(
        name=name,
        label=values.text(node, "label", name),
        group=values.text(node, "group"),
        upstream=upstream.spec,
        source=sections.keys["specs", name],
        hash=entry_hash(node, {**sections.fragments, **upstream.inherited}),
        key=key,
        date=date,
        record_schema=schema,
        completion=completion(shape),
        example=values.plain_mapping(node, "example"),
        examples=values.plain_mapping(node, "examples"),
        tables=tables,
        retry=retry(node.get("retry"), upstream.spec.retry),
        retention=retention(node.get("retention"), upstream.spec.retention),
        icon=values.text(node, "icon", "file"),
        description=values.text(node, "description"),
        foundation=values.flag(node, "foundation", False),
        check=values.flag(node, "check", True),
        **parts,
    )


def _codes(entry: Node, templates: Templates, names: Names) -> tuple[Code, ...]:
    found = []
    for name, node in values.entries(entry, "codes").items():
        each = templates.expression(node, f"codes.{name}", "each", names)
        item = {} if each is None else {"item": templates.compiler.shape(node.find(["each"]), names).item or ANY}
        key = templates.expression(node, f"codes.{name}", "key", {**names, **item})
        if key is not None:
            found.append(Code(name, values.text(node, "list"), key, each))
    return tuple(found)


def _record_schema(node: Node) -> dict[str, Any]:
    """The JSON Schema of the record, with what the grammar implies."""
    return {"type": "object", "additionalProperties": False, **values.plain_mapping(node, "record")}


def _check_whole(node: Node, name: str, sections: Sections, faults: Faults) -> None:
    """What is missing, and what does not go together."""
    place, path = sections.keys["specs", name], f"specs.{name}"
    for key, right in _REQUIRED.items():
        if node.get(key) is None:
            faults.add(place, path, f"{key!r} is missing; {right}")
    if node.get("endpoint") is None:
        if node.get("find") is None:
            faults.add(place, path, "neither endpoint nor find; write endpoint to send, find to look up")
        if node.get("update") is not None:
            faults.add(node.keys["update"], f"{path}.update", "update without endpoint; add endpoint or remove it")
    tables = node.get("tables")
    if tables is not None:
        no_templates(tables, f"{path}.tables", faults)


def _of_record(node: Node, key: str, templates: Templates, names: Names) -> Template | None:
    """A key or date that is the same for each record is surely a mistake."""
    found = node.get(key)
    if found is not None and "{{" not in str(found.value):
        message = f"is the same for every record; write an expression, e.g. {{{{ record.{key} }}}}"
        templates.faults.add(found.source, f"{templates.path}.{key}", message)
    return templates.expression(node, "", key, names)


def entry_hash(entry: Node, inherited: Mapping[str, Node]) -> str:
    """Of an entry and of those constants, filters and fragments that it names, and those that they name."""
    content: dict[str, Any] = {"entry": entry.plain()}
    words = _words(content)
    while found := {name for name in inherited if name in words and name not in content}:
        for name in sorted(found):
            content[name] = inherited[name].plain()
            words |= _words(content[name])
    return short_hash(content)


def _words(value: Any) -> set[str]:
    return set(re.findall(r"[\w-]+", orjson.dumps(value).decode()))
