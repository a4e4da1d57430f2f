"""Compiles the needs of an entry, and the shape that its templates see of them."""

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
    """Compile the section `needs`; faulty needs are left out."""
    compiled = (_need(name, node, templates, names, mapped) for name, node in values.entries(entry, "needs").items())
    return tuple(need for need in compiled if need is not None)


def needs_shape(entry: Node, templates: Templates, names: Names, mapped: Mapping[str, Mapped]) -> Shape:
    """Return the shape of `needs` in templates."""
    shapes = {}
    for name, node in values.entries(entry, "needs").items():
        keys = {"reference": SCALAR, "key": SCALAR, "item": _item_shape(node, templates, names)}
        if node.get("mapping") is not None:
            target = mapped.get(values.text(node, "mapping"))
            keys["row"] = ANY if target is None else target.shape
        if len(values.items(node, "spec")) > 1:
            keys["spec"] = SCALAR
        one = Shape(keys)
        shapes[name] = one if node.get("each") is None else Shape({}, one)
    return Shape(shapes)


def _item_shape(node: Node, templates: Templates, names: Names) -> Shape:
    items = node.get("each")
    return SCALAR if items is None else templates.compiler.shape(items, names).item or ANY


def _need(name: str, node: Node, templates: Templates, names: Names, mapped: Mapping[str, Mapped]) -> Need | None:
    section = f"needs.{name}"
    item_name = values.text(node, "as", "item")
    items = templates.expression(node, section, "each", names)
    key = templates.expression(node, section, "key", _names_of_key(node, section, templates, names))
    when = templates.expression(node, section, "when", names)
    only = values.text(node, "only")
    operation: Operation | None = "create" if only == "create" else "update" if only == "update" else None
    undo = values.flag(node, "undo", False)
    mapping = values.text(node, "mapping") or None
    _check_completeness(node, section, templates)
    if key is None:
        return None
    if mapping is None:
        specs = _specs(node, section, templates, undo=undo)
        return Need(name, specs, key, items, item_name, when, operation, undo)
    target = mapped.get(mapping)
    if target is None:
        hint = did_you_mean(mapping, mapped) or "; declare it under mappings"
        place = node.find(["mapping"]).source
        templates.faults.add(place, f"{templates.path}.{section}.mapping", f"no mapping {mapping!r}{hint}")
        return None
    accept = _accept(node.get("accept"))
    return Need(name, (target.item,), key, items, item_name, when, operation, undo, mapping, accept, target.example)


def _names_of_key(node: Node, section: str, templates: Templates, names: Names) -> Names:
    """Return the names that the key sees: with `each`, the item too."""
    if node.get("each") is None:
        return names
    item_name = values.text(node, "as", "item")
    if item_name in names:
        message = f"{item_name!r} hides a name of the context; choose another under as"
        templates.faults.add(node.find(["as"]).source, f"{templates.path}.{section}.as", message)
    return {**names, item_name: _item_shape(node, templates, names)}


def _check_completeness(node: Node, section: str, templates: Templates) -> None:
    if (node.get("spec") is None) == (not values.text(node, "mapping")):
        templates.missing(node, section, "spec", "a need names either its spec or its mapping")
    if node.get("key") is None:
        templates.missing(node, section, "key", "a need names its key")


def _specs(node: Node, section: str, templates: Templates, *, undo: bool) -> tuple[str, ...]:
    specs = values.texts(node, "spec")
    if undo and len(specs) > 1:
        message = "what is taken back is of one entry; name that one under spec"
        templates.faults.add(node.find(["undo"]).source, f"{templates.path}.{section}.undo", message)
    return specs


def _accept(node: Node | None) -> Accept | None:
    return None if node is None else Accept(values.where(node.get("where")), values.label(node, "reason"))
