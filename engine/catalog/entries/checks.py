"""Compiles the checks of an entry: conditions under which a record is refused, or taken with a warning."""

from __future__ import annotations

from engine.catalog.reading import values
from engine.catalog.reading.entry_templates import Names, Templates
from engine.source.tree import Node
from engine.specs.record_type import Check
from engine.templates.shapes import ANY, SCALAR
from engine.templates.template import Template


def checks(entry: Node, templates: Templates, names: Names) -> tuple[Check, ...]:
    """Compile the section `checks`; faulty ones are left out."""
    compiled = (_check(name, node, templates, names) for name, node in values.entries(entry, "checks").items())
    return tuple(check for check in compiled if check is not None)


def _check(name: str, node: Node, templates: Templates, names: Names) -> Check | None:
    section, names = f"checks.{name}", {**names, "tomorrow": SCALAR}
    each = templates.expression(node, section, "each", names)
    if each is not None:
        item = templates.compiler.shape(node.find(["each"]), names).item or ANY
        names = {**names, "item": item, "index": SCALAR}
    refuse = node.get("refuse") is not None
    if refuse == (node.get("warn") is not None):
        message = "has none or both of refuse and warn; write one of them, with the reason"
        templates.faults.add(node.source, f"{templates.path}.{section}", message)
        return None
    place = templates.expression(node, section, "at", names)
    when = templates.expression(node, section, "when", names)
    texts = _texts(node, section, "refuse" if refuse else "warn", templates, names)
    if place is None or when is None or texts is None:
        return None
    return Check(name, place, when, refuse, *texts, each)


def _texts(node: Node, section: str, key: str, templates: Templates, names: Names) -> tuple[Template, Template] | None:
    """Compile a text for people, in Indonesian and in English."""
    leaf = node.find([key])
    if leaf.entries is None:
        text = templates.expression(node, section, key, names)
        return None if text is None else (text, text)
    id_, en = (templates.expression(leaf, f"{section}.{key}", language, names) for language in ("id", "en"))
    return None if id_ is None or en is None else (id_, en)
