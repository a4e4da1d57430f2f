"""The needs of an entry, and what its templates see of them."""

from __future__ import annotations

from engine.loading import reading
from engine.loading.templates import Names, Templates
from engine.marks import Node
from engine.spec import Need, Operation
from engine.templating.shapes import ANY, SCALAR, Shape


def needs(entry: Node, templates: Templates, names: Names) -> tuple[Need, ...]:
    """The section `needs`."""
    found = (_need(name, node, templates, names) for name, node in reading.entries(entry, "needs").items())
    return tuple(need for need in found if need is not None)


def needs_shape(entry: Node, templates: Templates, names: Names) -> Shape:
    """What is known of `needs` in templates."""
    shapes = {}
    for name, node in reading.entries(entry, "needs").items():
        one = Shape({"reference": SCALAR, "key": SCALAR, "item": _item_shape(node, templates, names)})
        shapes[name] = one if node.get("each") is None else Shape({}, one)
    return Shape(shapes)


def _item_shape(node: Node, templates: Templates, names: Names) -> Shape:
    each = node.get("each")
    return SCALAR if each is None else templates.compiler.shape(each, names).item or ANY


def _need(name: str, node: Node, templates: Templates, names: Names) -> Need | None:
    section = f"needs.{name}"
    each = templates.expression(node, section, "each", names)
    item_name = reading.text(node, "as", "item")
    inner = dict(names)
    if each is not None:
        if item_name in names:
            message = f"{item_name!r} hides a name of the context; choose another under as"
            templates.faults.add(node.find(["as"]).source, f"{templates.path}.{section}.as", message)
        inner[item_name] = _item_shape(node, templates, names)
    key = templates.expression(node, section, "key", inner)
    when = templates.expression(node, section, "when", names)
    only = reading.text(node, "only")
    operation: Operation | None = "create" if only == "create" else "update" if only == "update" else None
    for required in ("spec", "key"):
        if node.get(required) is None:
            templates.missing(node, section, required, f"a need names its {required}")
    if key is None:
        return None
    undo = reading.flag(node, "undo", False)
    return Need(name, reading.text(node, "spec"), key, each, item_name, when, operation, undo)
