"""The corrections of an entry: what its earlier versions sent wrongly."""

from __future__ import annotations

from engine.loading import reading
from engine.loading.templates import Names, Templates
from engine.marks import Node
from engine.spec import Correction


def corrections(entry: Node, templates: Templates, names: Names) -> tuple[Correction, ...]:
    """The section `corrections`; a fault where the upstream takes no change of what it has."""
    if entry.get("corrections") is not None and entry.get("update") is None:
        message = "corrections without update: nothing could be sent again; add update or remove them"
        templates.faults.add(entry.keys["corrections"], f"{templates.path}.corrections", message)
    return tuple(
        Correction(
            name,
            reading.plain_mapping(node, "title"),
            reading.plain_mapping(node, "reason"),
            templates.expression(node, f"corrections.{name}", "when", names),
        )
        for name, node in reading.entries(entry, "corrections").items()
    )
