"""The columns that an entry or a code list declares."""

from __future__ import annotations

from engine.loading import reading
from engine.loading.templates import Names, Templates
from engine.marks import Node
from engine.spec import Column


def columns(entry: Node, templates: Templates, names: Names) -> tuple[Column, ...]:
    """The section `columns`, in order; one without a value is left out, and told as a fault by the grammar."""
    found = []
    for name, node in reading.entries(entry, "columns").items():
        value = templates.expression(node, f"columns.{name}", "value", names)
        if value is not None:
            label = reading.text(node, "label", name)
            filter_, hidden = (reading.flag(node, each, False) for each in ("filter", "hidden"))
            found.append(Column(name, label, value, filter_, hidden))
    return tuple(found)
