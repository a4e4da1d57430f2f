"""The needs of an entry, and what its templates see of them."""

from __future__ import annotations

from collections.abc import Mapping

from engine.catalog.reading import values
from engine.catalog.reading.entry_templates import Names, Templates
from engine.catalog.sections.mappings import Mapped
from engine.source.faults import did_you_mean
from engine.source.tree import Node
from engine.specs.record_type import Accept, Need, Operation
from engine.templates.shapes import ANY, SCALAR, Shape


def needs(entry: Node, templates: Templates, names: Names, mapped: Mapping[str, Mapped]) -> tuple[Need, ...]:
    """The section `needs`."""
    found = (_need(name, node, templates, names, mapped) for name, node in values.entries(entry, "needs").items())
    return tuple(need for need in found if need is not None)


def needs_shape(entry: Node, templates: Templates, names: Names, mapped: Mapping[str, Mapped]) -> Shape:
    """What is known of `needs` in templates."""
    shapes = {}
    for name, node in values.entries(entry, "needs").items():
        keys = {"reference": SCALAR, "key": SCALAR, "item": _item_shape(node, templates, names)}
        if node.get("mapping") is not None:
            found = mapped.get(values.text(node, "mapping"))
            keys["row"] = ANY if found is None else found.shape
        if len(values.items(node, "spec")) > 1:
            keys["spec"] = SCALAR
        one = Shape(keys)
        shapes[name] = one if node.get("each") is None else Shape({}, one)
    return Shape(shapes)


def _item_shape(node: Node, templates: Templates, names: Names) -> Shape:
    each = node.get("each")
    return SCALAR if each is None else templates.compiler.shape(each, names).item or ANY


def _need(name: str, node: Node, templates: Templates, names: Names, mapped: Mapping[str, Mapped]) -> Need | None:
    section = f"needs.{name}"
    each = templates.expression(node, section, "each", names)
    item_name = values.text(node, "as", "item")
    inner = dict(names)
    if each is not None:
        if item_name in names:
            message = f"{item_name!r} hides a name of the context; choose another under as"
            templates.faults.add(node.find(["as"]).source, f"{templates.path}.{section}.as", message)
        inner[item_name] = _item_shape(node, templates, names)
    key = templates.expression(node, section, "key", inner)
    when = templates.expression(node, section, "when", names)
    only = values.text(node, "only")
    operation: Operation | None = "create" if only == "create" else "update" if only == "update" else None
    mapping = values.text(node, "mapping") or None
    if (mapping is None) == (node.get("spec") is None):
        templates.missing(node, section, "spec", "a need names either its spec or its mapping")
    if node.get("key") is None:
        templates.missing(node, section, "key", "a need names its key")
    if key is None:
        return None
    undo = values.flag(node, "undo", False)
    if mapping is None:
        specs = values.texts(node, "spec")
        if undo and len(specs) > 1:
            message = "what is taken back is of one entry; name that one under spec"
            templates.faults.add(node.find(["undo"]).source, f"{templates.path}.{section}.undo", message)
        return Need(name, specs, key, each, item_name, when, operation, undo)
    found = mapped.get(mapping)
    if found is None:
        hint = did_you_mean(mapping, mapped) or "; declare it under mappings"
        place = node.find(["mapping"]).source
        templates.faults.add(place, f"{templates.path}.{section}.mapping", f"no mapping {mapping!r}{hint}")
        return None
    accept = _accept(node.get("accept"))
    return Need(name, (found.item,), key, each, item_name, when, operation, undo, mapping, accept, found.example)


def _accept(node: Node | None) -> Accept | None:
    return None if node is None else Accept(values.where(node.get("where")), values.text(node, "reason"))
