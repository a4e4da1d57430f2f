"""Compiles the corrections of an entry: the errors in what its earlier versions sent."""

from __future__ import annotations

from engine.catalog.reading import values
from engine.catalog.reading.entry_templates import Names, Templates
from engine.source.tree import Node
from engine.specs.record_type import Correction


def corrections(entry: Node, templates: Templates, names: Names) -> tuple[Correction, ...]:
    """Compile the section `corrections`; it is a fault if the entry has no update, because nothing could be sent."""
    if entry.get("corrections") is not None and entry.get("update") is None:
        message = "corrections without update: nothing could be sent again; add update or remove them"
        templates.faults.add(entry.keys["corrections"], f"{templates.path}.corrections", message)
    return tuple(
        Correction(
            name,
            values.label(node, "title"),
            values.label(node, "reason"),
            templates.expression(node, f"corrections.{name}", "when", names),
        )
        for name, node in values.entries(entry, "corrections").items()
    )
