"""Compiles what follows when a row of a source has disappeared: the section `gone` of a read."""

from __future__ import annotations

from collections.abc import Mapping

from engine.catalog.reading.entry_templates import Templates
from engine.catalog.sections.upstreams import FACILITY
from engine.source.faults import did_you_mean
from engine.source.tree import Node
from engine.specs.his_source import Gone
from engine.specs.mapping import MappingSpec
from engine.specs.record_type import Spec
from engine.templates.shapes import ANY, Shape

ASK = "ask"  # in place of a tree: a person decides

Targets = Mapping[str, Spec | MappingSpec]  # what a read may hand in: entries, and mappings by the type of their items


def load_gone(read: Node, templates: Templates, tables: Shape, targets: Targets) -> Gone | None:
    """Return what a read declares, else the withdrawal that its entry declares; None if a person decides."""
    node = read.get("gone")
    if node is None:
        return _own_withdrawal(read, targets)
    if node.value == ASK:
        return None
    names = {"record": ANY, "facility": FACILITY, "tables": tables}
    into = node.get("into")
    if into is None or node.get("record") is None:
        tree = templates.tree(read, "", "gone", names)
        return None if tree is None else Gone(None, tree)
    if into.value not in targets:
        hint = did_you_mean(str(into.value), targets)
        templates.faults.add(into.source, f"{templates.path}.gone.into", f"no entry {into.value!r}{hint}")
    tree = templates.tree(node, "gone", "record", names)
    return None if tree is None else Gone(str(into.value), tree)


def _own_withdrawal(read: Node, targets: Targets) -> Gone | None:
    into = read.get("into")
    target = None if into is None else targets.get(str(into.value))
    withdrawal = target.withdrawal if isinstance(target, Spec) else None
    return None if withdrawal is None else Gone(None, withdrawal.values)
