"""The mappings of the YAML, compiled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.catalog.reading import values
from engine.catalog.reading.entry_templates import Names, Templates, columns
from engine.catalog.reading.examples import check_record
from engine.catalog.reading.files import Sections
from engine.catalog.reading.grammar import dotted
from engine.catalog.reading.render import EXAMPLE_FACILITY
from engine.catalog.sections.upstreams import FACILITY, LoadedUpstream
from engine.json_text import short_hash
from engine.source.faults import Faults, did_you_mean
from engine.source.tree import Node
from engine.specs.code_list import CodeList, rows_of
from engine.specs.context import facility_mapping
from engine.specs.mapping import Catalogue, MappingSpec, PartSpec
from engine.specs.optional_fields import completion
from engine.specs.record_type import Known
from engine.templates.shapes import ANY, Shape, of_schema


def load_mappings(
    sections: Sections, upstreams: Mapping[str, LoadedUpstream], lists: Mapping[str, CodeList], faults: Faults
) -> dict[str, MappingSpec]:
    """All mappings by name; what they name and is not there is a fault."""
    loaded: dict[str, MappingSpec] = {}
    for name, node in sections.mappings.items():
        mapping = _load(name, node, sections, upstreams, lists, faults)
        if mapping is not None:
            _check_item(mapping, node, [*sections.specs, *(each.item for each in loaded.values())], faults)
            _check_columns(mapping, node, faults)
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
    wanted = values.text(node, "upstream")
    upstream = upstreams.get(wanted)
    if upstream is None:
        place = node.get("upstream") or node
        faults.add(place.source, f"{path}.upstream", f"no upstream {wanted!r}{did_you_mean(wanted, upstreams)}")
        return None
    templates = Templates(path, upstream.compiler, faults)
    schema: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        **values.plain_mapping(node, "record"),
    }
    shape = of_schema(schema)
    seen: Names = {"record": shape, "facility": FACILITY}
    vocabulary = _vocabulary(node, path, sections, faults)
    key, item_name = (templates.required(node, "", each, seen) for each in ("key", "name"))
    parts = _parts(node, templates, seen, vocabulary)
    catalogue = _catalogue(node, path, lists, faults)
    if key is None or item_name is None or catalogue is None:
        return None
    words = {each: values.text(node, each) for each in ("label", "item", "one", "many", "code", "title")}
    return MappingSpec(
        name=name,
        upstream=upstream.spec,
        source=sections.keys["mappings", name],
        hash=short_hash([node.plain(), vocabulary]),
        key=key,
        item_name=item_name,
        active=templates.expression(node, "", "active", seen),
        record_schema=schema,
        completion=completion(shape),
        columns=columns(node, templates, seen),
        example=values.plain_mapping(node, "example"),
        catalogue=catalogue,
        parts=parts,
        vocabulary=vocabulary,
        icon=values.text(node, "icon", "arrows-exchange"),
        description=values.text(node, "description"),
        **words,
    )


def _vocabulary(node: Node, path: str, sections: Sections, faults: Faults) -> dict[str, Any]:
    wanted = node.get("vocabulary")
    if wanted is None:
        return {}
    found = sections.vocabularies.get(str(wanted.value))
    if found is None:
        hint = did_you_mean(str(wanted.value), sections.vocabularies) or "; declare it under vocabularies"
        faults.add(wanted.source, f"{path}.vocabulary", f"no vocabulary {wanted.value!r}{hint}")
        return {}
    plain: dict[str, Any] = found.plain()
    return plain


def _parts(entry: Node, templates: Templates, names: Names, vocabulary: Mapping[str, Any]) -> tuple[PartSpec, ...]:
    found = []
    for name, node in values.entries(entry, "parts").items():
        ours = templates.expression(node, f"parts.{name}", "ours", names)
        if ours is None:
            continue
        terms = _terms(node, f"{templates.path}.parts.{name}", vocabulary, templates.faults)
        kind: Any = values.text(node, "kind", "words")
        found.append(
            PartSpec(
                name=name,
                label=values.text(node, "label", name),
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
    return tuple(found)


def _terms(node: Node, path: str, vocabulary: Mapping[str, Any], faults: Faults) -> Mapping[str, Any]:
    if values.text(node, "kind") != "term":
        return {}
    known: Mapping[str, Any] = vocabulary.get("terms") or {}
    wanted = values.text(node, "terms")
    if wanted not in known:
        hint = did_you_mean(wanted, known) or "; write them under terms of the vocabulary"
        faults.add((node.get("terms") or node).source, f"{path}.terms", f"no terms {wanted!r}{hint}")
    terms: Mapping[str, Any] = known.get(wanted) or {}
    return terms


def _catalogue(entry: Node, path: str, lists: Mapping[str, CodeList], faults: Faults) -> Catalogue | None:
    node = entry.find(["catalogue"])
    wanted = values.text(node, "list")
    if wanted not in lists:
        hint = did_you_mean(wanted, lists) or "; declare it under code_lists"
        faults.add(node.find(["list"]).source, f"{path}.catalogue.list", f"no code list {wanted!r}{hint}")
        return None
    return Catalogue(
        list=lists[wanted],
        name=values.text(node, "name"),
        found_by=values.texts(node, "found_by"),
        exact=values.texts(node, "exact"),
        only=values.where(node.get("only")),
        replacement=values.text(node, "replacement") or None,
    )


def _check_item(mapping: MappingSpec, node: Node, taken: Iterable[str], faults: Faults) -> None:
    """Items come in by the same door as records, and what waits for them waits by the name of their type."""
    if mapping.item in taken:
        message = f"{mapping.item!r} is the name of another type; choose one of its own"
        faults.add(node.find(["item"]).source, f"mappings.{mapping.name}.item", message)


def _check_columns(mapping: MappingSpec, node: Node, faults: Faults) -> None:
    """Every column that is named is one of the code list's."""
    catalogue = mapping.catalogue
    declared = [column.name for column in catalogue.list.columns]
    named: list[tuple[list[str | int], str]] = [(["catalogue", "name"], catalogue.name)]
    named += [(["catalogue", "found_by"], each) for each in catalogue.found_by]
    named += [(["catalogue", "exact"], each) for each in catalogue.exact]
    named += [(["catalogue", "only"], each) for each in catalogue.only]
    named += [(["catalogue", "replacement"], catalogue.replacement)] if catalogue.replacement else []
    named += [(["parts", part.name, "theirs"], part.theirs) for part in mapping.parts]
    named += [(["parts", part.name, "known_by"], each) for part in mapping.parts for each in part.known_by]
    for steps, column in named:
        if column not in declared:
            message = f"no column {column!r} of {catalogue.list.name}{did_you_mean(column, declared)}"
            faults.add(node.find(steps).source, f"mappings.{mapping.name}.{dotted(steps)}", message)


@dataclass(frozen=True, slots=True)
class Mapped:
    """One mapping."""

    item: str
    shape: Shape
    example: Known  # a code; its columns are null where the list shows no example


def mapped(mappings: Mapping[str, MappingSpec]) -> dict[str, Mapped]:
    """By the names of the mappings."""
    return {name: _mapped(each) for name, each in mappings.items()}


def _mapped(mapping: MappingSpec) -> Mapped:
    code_list = mapping.catalogue.list
    shape = Shape(dict.fromkeys((column.name for column in code_list.columns), ANY))
    if code_list.example is None:
        return Mapped(mapping.item, shape, Known(f"<{mapping.code}>", dict.fromkeys(shape.keys)))
    [example, *_] = rows_of(code_list, code_list.example, None, facility_mapping(EXAMPLE_FACILITY))
    return Mapped(mapping.item, shape, Known(example.key, example.content))
