"""Reads how an entry's records are taken back."""

from __future__ import annotations

from engine.catalog.reading import values
from engine.catalog.sections.upstreams import no_templates
from engine.source.faults import Faults
from engine.source.tree import Node
from engine.specs.withdrawal import Withdrawal


def withdrawal(entry: Node, path: str, faults: Faults) -> Withdrawal | None:
    """Read the section `withdrawal`; it is a fault if the entry has no update, by which the upstream would be told."""
    node = entry.get("withdrawal")
    if node is None:
        return None
    if entry.get("update") is None:
        message = "withdrawal without update: the upstream could not be told; add update or remove it"
        faults.add(entry.keys["withdrawal"], f"{path}.withdrawal", message)
    no_templates(node, f"{path}.withdrawal", faults)
    return Withdrawal(values.plain_mapping(entry, "withdrawal"))
