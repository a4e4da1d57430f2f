"""Compiles the mappings of the YAML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.catalog.reading import values
from engine.catalog.reading.entry_templates import Names, Templates, columns
from engine.catalog.reading.examples import check_record
from engine.catalog.reading.files import Sections
from engine.catalog.reading.grammar import dotted
from engine.catalog.reading.record_schema import declared_schema
from engine.catalog.reading.render import EXAMPLE_FACILITY
from engine.catalog.sections.upstreams import FACILITY, LoadedUpstream, upstream_of
from engine.json_text import short_hash
from engine.source.faults import Faults, did_you_mean
from engine.source.tree import Node
from engine.specs.code_list import CodeList, rows_of
from engine.specs.context import facility_mapping
from engine.specs.mapping import CodeCatalogue, MappingSpec, PartSpec
from engine.specs.optional_fields import completion
from engine.specs.record_type import Reference
from engine.templates.shapes import ANY, Shape, of_schema


def load_mappings(
    sections: Sections, upstreams: Mapping[str, LoadedUpstream], lists: Mapping[str, CodeList], faults: Faults
) -> dict[str, MappingSpec]:
    """Load all mappings by name; a reference to an undeclared upstream, list, column or vocabulary is a fault."""
    loaded: dict[str, MappingSpec] = {}
    for name, node in sections.mappings.items():
        mapping = _load(name, node, sections, upstreams, lists, faults)
        if mapping is not None:
            _check_item(mapping, node, [*sections.specs, *(other.item for other in loaded.values())], faults)
            _check_columns(mapping, node, faults)
            _check_bulk(mapping, node, faults)
            _check_help(mapping, node, faults)
            check_record(f"mappings.{name}", node, mapping.record_schema, {"example": mapping.example}, faults)
            loaded[name] = mapping
    return loaded


def _load(
    name: str,
    node: Node,
    sections: Sections,
    upstreams: Mapping[str, LoadedUpstream],
    lists: Mapping[str, CodeList],
    faults: Faults,
) -> MappingSpec | None:
    path = f"mappings.{name}"
    upstream = upstream_of(node, path, upstreams, faults)
    if upstream is None:
        return None
    templates = Templates(path, upstream.compiler, faults)
    schema = declared_schema(node)
    shape = of_schema(schema)
    names: Names = {"record": shape, "facility": FACILITY}
    vocabulary = _vocabulary(node, path, sections, faults)
    compiled: dict[str, Any] = {
        "key": templates.required(node, "", "key", names),
        "item_name": templates.required(node, "", "name", names),
        "parts": _parts(node, templates, names, vocabulary),
        "catalogue": _catalogue(node, path, lists, faults),
    }
    if None in compiled.values():
        return None
    return MappingSpec(
        name=name,
        upstream=upstream.spec,
        source=sections.keys["mappings", name],
        hash=short_hash([node.plain(), vocabulary]),
        active=templates.expression(node, "", "active", names),
        record_schema=schema,
        completion=completion(shape),
        help=values.labels(node, "help"),
        columns=columns(node, templates, names),
        vocabulary=vocabulary,
        bulk=values.where(node.get("bulk")),
        **_plain_fields(node),
        **compiled,
    )


def _plain_fields(node: Node) -> dict[str, Any]:
    """Return the fields without templates, by the field of MappingSpec."""
    return {
        **{key: values.label(node, key) for key in ("label", "one", "many", "code", "title")},
        **{key: values.text(node, key) for key in ("item", "description")},
        "example": values.plain_mapping(node, "example"),
        "icon": values.text(node, "icon", "arrows-exchange"),
    }


def _vocabulary(node: Node, path: str, sections: Sections, faults: Faults) -> dict[str, Any]:
    choice = node.get("vocabulary")
    if choice is None:
        return {}
    vocabulary = sections.vocabularies.get(str(choice.value))
    if vocabulary is None:
        hint = did_you_mean(str(choice.value), sections.vocabularies) or "; declare it under vocabularies"
        faults.add(choice.source, f"{path}.vocabulary", f"no vocabulary {choice.value!r}{hint}")
        return {}
    plain: dict[str, Any] = vocabulary.plain()
    return plain


def _parts(entry: Node, templates: Templates, names: Names, vocabulary: Mapping[str, Any]) -> tuple[PartSpec, ...]:
    parts = []
    for name, node in values.entries(entry, "parts").items():
        ours = templates.expression(node, f"parts.{name}", "ours", names)
        if ours is None:
            continue
        terms = _terms(node, f"{templates.path}.parts.{name}", vocabulary, templates.faults)
        kind: Any = values.text(node, "kind", "words")
        parts.append(
            PartSpec(
                name=name,
                label=values.label(node, "label", name),
                kind=kind,
                ours=ours,
                theirs=values.text(node, "theirs"),
                terms=terms,
                weight=values.number(node, "weight", 1.0),
                veto=values.flag(node, "veto", False),
                identity=values.flag(node, "identity", False),
                known_by=values.texts(node, "known_by"),
                loose=values.flag(node, "loose", False),
            )
        )
    return tuple(parts)


def _terms(node: Node, path: str, vocabulary: Mapping[str, Any], faults: Faults) -> Mapping[str, Any]:
    if values.text(node, "kind") != "term":
        return {}
    groups: Mapping[str, Any] = vocabulary.get("terms") or {}
    group = values.text(node, "terms")
    if group not in groups:
        hint = did_you_mean(group, groups) or "; write them under terms of the vocabulary"
        faults.add((node.get("terms") or node).source, f"{path}.terms", f"no terms {group!r}{hint}")
    terms: Mapping[str, Any] = groups.get(group) or {}
    return terms


def _catalogue(entry: Node, path: str, lists: Mapping[str, CodeList], faults: Faults) -> CodeCatalogue | None:
    node = entry.find(["catalogue"])
    list_name = values.text(node, "list")
    if list_name not in lists:
        hint = did_you_mean(list_name, lists) or "; declare it under code_lists"
        faults.add(node.find(["list"]).source, f"{path}.catalogue.list", f"no code list {list_name!r}{hint}")
        return None
    return CodeCatalogue(
        list=lists[list_name],
        name=values.text(node, "name"),
        found_by=values.texts(node, "found_by"),
        exact=values.texts(node, "exact"),
        only=values.where(node.get("only")),
        replacement=values.text(node, "replacement") or None,
    )


def _check_item(mapping: MappingSpec, node: Node, taken: Iterable[str], faults: Faults) -> None:
    """Add a fault if the type of the items has the name of another type: records and items share these names."""
    if mapping.item in taken:
        message = f"{mapping.item!r} is the name of another type; choose one of its own"
        faults.add(node.find(["item"]).source, f"mappings.{mapping.name}.item", message)


def _check_columns(mapping: MappingSpec, node: Node, faults: Faults) -> None:
    """Add a fault for each column that the code list does not declare."""
    catalogue = mapping.catalogue
    declared = [column.name for column in catalogue.list.columns]
    named: list[tuple[list[str | int], str]] = [(["catalogue", "name"], catalogue.name)]
    named += [(["catalogue", "found_by"], column) for column in catalogue.found_by]
    named += [(["catalogue", "exact"], column) for column in catalogue.exact]
    named += [(["catalogue", "only"], column) for column in catalogue.only]
    named += [(["catalogue", "replacement"], catalogue.replacement)] if catalogue.replacement else []
    named += [(["parts", part.name, "theirs"], part.theirs) for part in mapping.parts]
    named += [(["parts", part.name, "known_by"], column) for part in mapping.parts for column in part.known_by]
    for steps, column in named:
        if column not in declared:
            message = f"no column {column!r} of {catalogue.list.name}{did_you_mean(column, declared)}"
            faults.add(node.find(steps).source, f"mappings.{mapping.name}.{dotted(steps)}", message)


def _check_bulk(mapping: MappingSpec, node: Node, faults: Faults) -> None:
    """Add a fault for a part that is not declared, and for a part with a veto that `bulk` does not name."""
    path, parts = f"mappings.{mapping.name}.bulk", [part.name for part in mapping.parts]
    for name in mapping.bulk:
        if name not in parts:
            message = f"no part {name!r} of this mapping{did_you_mean(name, parts)}"
            faults.add(node.find(["bulk", name]).source, f"{path}.{name}", message)
    for part in mapping.parts if mapping.bulk else ():
        if part.veto and part.name not in mapping.bulk:
            faults.add(node.find(["bulk"]).source, path, f"{part.name!r} has a veto; say here how it must agree")


def _check_help(mapping: MappingSpec, node: Node, faults: Faults) -> None:
    """Add a fault for each text about a property that the record does not have."""
    properties = mapping.record_schema.get("properties", {})
    for name in mapping.help:
        if name not in properties:
            message = f"no property {name!r} of the record{did_you_mean(name, properties)}"
            faults.add(node.find(["help", name]).source, f"mappings.{mapping.name}.help.{name}", message)


@dataclass(frozen=True, slots=True)
class Mapped:
    """A mapping as needs use it: the type of its items, the shape of its rows, and an example code."""

    item: str
    shape: Shape
    example: Reference  # a code; its columns are null if the list has no example


def mapped(mappings: Mapping[str, MappingSpec]) -> dict[str, Mapped]:
    """Return the mappings as needs use them, by name."""
    return {name: _mapped(mapping) for name, mapping in mappings.items()}


def _mapped(mapping: MappingSpec) -> Mapped:
    code_list = mapping.catalogue.list
    shape = Shape(dict.fromkeys((column.name for column in code_list.columns), ANY))
    if code_list.example is None:
        return Mapped(mapping.item, shape, Reference(f"<{mapping.code}>", dict.fromkeys(shape.keys)))
    [example, *_] = rows_of(code_list, code_list.example, None, facility_mapping(EXAMPLE_FACILITY))
    return Mapped(mapping.item, shape, Reference(example.key, example.content))
