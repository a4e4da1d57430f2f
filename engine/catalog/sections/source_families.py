"""Lays a source over the family that it extends: what several systems share is declared once."""

from __future__ import annotations

from engine.catalog.reading.files import Sections
from engine.catalog.reading.inheritance import deep_merge
from engine.source.faults import Faults, did_you_mean
from engine.source.tree import Node

OF_SOURCE = ("label", "system", "credentials", "grants", "reads")
OF_READ = ("into", "by", "query", "key", "record", "example")


def extended(node: Node, sections: Sections, path: str, faults: Faults) -> Node:
    """Return a source with all that its family has and it has not; the tables of `grants` are added up.

    A fault is added for what is missing then: the grammar demands it only of sources without a family.
    """
    choice = node.get("extends")
    if choice is None:
        return node
    family = sections.source_families.get(str(choice.value))
    if family is None:
        hint = did_you_mean(str(choice.value), sections.source_families)
        faults.add(choice.source, f"{path}.extends", f"no family {choice.value!r}{hint}")
        return node
    merged = _with_grants(deep_merge(family, node), family, node)
    _check_complete(merged, path, faults)
    return merged


def _with_grants(merged: Node, family: Node, node: Node) -> Node:
    lists = [one for one in (family.get("grants"), node.get("grants")) if one is not None and one.items is not None]
    if len(lists) < 2 or merged.entries is None:
        return merged
    together = Node(lists[1].source, items=(*(lists[0].items or ()), *(lists[1].items or ())))
    return Node(merged.source, entries={**merged.entries, "grants": together}, keys=merged.keys)


def _check_complete(merged: Node, path: str, faults: Faults) -> None:
    wanted: list[tuple[Node, tuple[str, ...], str]] = [(merged, OF_SOURCE, path)]
    reads = merged.get("reads")
    entries = {} if reads is None else reads.entries or {}
    wanted += [(read, OF_READ, f"{path}.reads.{name}") for name, read in entries.items()]
    for inner, names, place in wanted:
        for name in names:
            if inner.get(name) is None:
                faults.add(inner.source, place, f"{name!r} is missing; write it here or in the family")
