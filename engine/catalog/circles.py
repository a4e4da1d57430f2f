"""Circles in graphs of things that wait for each other: entries of the configuration, and stored deliveries."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping
from typing import TypeVar

from engine.specs.record_type import Spec

Node = TypeVar("Node", bound=Hashable)


def shortest_circle(start: Node, edges: Mapping[Node, Collection[Node]]) -> list[Node]:
    """Return the shortest way from a node back to itself, with the node at both ends; empty if there is none."""
    ways: list[list[Node]] = [[start]]
    seen: set[Node] = set()
    for way in ways:
        for node in edges.get(way[-1], ()):
            if node == start:
                return [*way, start]
            if node not in seen:
                seen.add(node)
                ways.append([*way, node])
    return []


def needs_in_circles(specs: Mapping[str, Spec]) -> list[tuple[str, str]]:
    """Return the pairs (type, needed type) by which records that were never sent may wait for each other."""
    edges = {name: sorted(set(_needed(spec)) & specs.keys()) for name, spec in specs.items()}
    return [(name, needed) for name in edges for needed in edges[name] if _leads(needed, name, edges)]


def _needed(spec: Spec) -> Iterator[str]:
    for need in spec.needs_for("create"):
        yield from need.specs


def _leads(start: str, end: str, edges: Mapping[str, Collection[str]]) -> bool:
    reached = [start]
    for name in reached:
        reached += [node for node in edges[name] if node not in reached]
    return end in reached
