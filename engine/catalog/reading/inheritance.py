"""Inheritance between nodes: mappings merge deeply, other values are replaced; every node keeps its own place."""

from __future__ import annotations

from engine.source.tree import Node

# Defaults of these sections apply only to entries that have the section.
_WHERE_PRESENT = ("endpoint", "update", "find")


def deep_merge(base: Node, over: Node) -> Node:
    """Return `over` with the entries that only `base` has; the keys of `over` come first."""
    if base.entries is None or over.entries is None:
        return over
    entries = {
        key: deep_merge(base.entries[key], node) if key in base.entries else node for key, node in over.entries.items()
    }
    inherited = {key: node for key, node in base.entries.items() if key not in entries}
    return Node(over.source, entries={**entries, **inherited}, keys={**base.keys, **over.keys})


def with_defaults(entry: Node, defaults: Node | None) -> Node:
    """Return an entry with the defaults of its upstream."""
    if defaults is None or defaults.entries is None:
        return entry
    own = entry.entries or {}
    applicable = {key: node for key, node in defaults.entries.items() if key in own or key not in _WHERE_PRESENT}
    return deep_merge(Node(defaults.source, entries=applicable, keys=defaults.keys), entry)


def places_in(node: Node | None, path: str) -> dict[int, str]:
    """Return the path of the node and of every node below it, by the node's id(), which merging preserves."""
    if node is None:
        return {}
    places = {id(node): path}
    for key, inner in (node.entries or {}).items():
        places.update(places_in(inner, f"{path}.{key}"))
    return places
