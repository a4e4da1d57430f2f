"""Directives of a payload mapping: opens `$use` and rejects directives that exclude each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from engine.source.faults import Faults, did_you_mean
from engine.source.tree import Node
from engine.templates.codegen import TemplateNode

DIRECTIVES = ("$if", "$for", "$as", "$each", "$use", "$value", "$keep")
# Each of these makes the whole value. A `$use` is only left if its fragment is no plain mapping.
_ALONE = ("$for", "$value", "$keep", "$use")


@dataclass(frozen=True, slots=True)
class OpenedDirective:
    """A mapping of the payload, separated into directives, entries and conditions."""

    directives: Mapping[str, TemplateNode]
    entries: Mapping[str, TemplateNode]
    # All must be true. The `$if` of a `$for` is not included: it is evaluated for each item.
    conditions: tuple[TemplateNode, ...]


@dataclass(frozen=True, slots=True)
class Directives:
    """Opens the mappings of a payload and collects their faults."""

    fragments: Mapping[str, Node]
    faults: Faults

    def open(self, entry: TemplateNode) -> OpenedDirective:
        """Return the mapping with the keys of its fragment in place of `$use`."""
        opened = self._with_fragment(entry)
        self._check(entry, opened)
        return opened

    def whole_fragment(self, use: TemplateNode) -> TemplateNode | None:
        """Return the fragment of a `$use` that makes the whole value."""
        fragment = self._fragment(use)
        return None if fragment is None else replace(fragment, path=use.path.removesuffix(".$use"))

    def _with_fragment(self, entry: TemplateNode) -> OpenedDirective:
        own = {key: replace(entry, node=node, path=f"{entry.path}.{key}") for key, node in _entries(entry.node)}
        conditions = (own.pop("$if"),) if "$if" in own and "$for" not in own else ()
        fragment = self._fragment(own["$use"]) if "$use" in own else None
        if (
            fragment is None
            or fragment.node.entries is None
            or fragment.node.entries.keys() & {"$for", "$value", "$keep"}
        ):
            return _sorted(own, conditions)
        inner = self._with_fragment(replace(fragment, path=entry.path))
        merged: dict[str, TemplateNode] = {}
        for key, node in own.items():
            if key == "$use":
                inherited = {**inner.entries, **inner.directives}
                merged.update({name: item for name, item in inherited.items() if name not in own or name == "$use"})
            else:
                merged[key] = node
        return _sorted(merged, (*conditions, *inner.conditions))

    def _fragment(self, use: TemplateNode) -> TemplateNode | None:
        name = use.node.value
        if not isinstance(name, str) or name not in self.fragments:
            hint = did_you_mean(str(name), self.fragments) or "; declare it under fragments"
            self.faults.add(use.node.source, use.path, f"no fragment {name!r}{hint}")
            return None
        if name in use.used:
            chain = " -> ".join((*use.used, name))
            self.faults.add(use.node.source, use.path, f"fragments use each other in a circle: {chain}; break it")
            return None
        return TemplateNode(self.fragments[name], use.path, (*use.used, name))

    def _check(self, entry: TemplateNode, opened: OpenedDirective) -> None:
        def fault(key: str, message: str) -> None:
            source = entry.node.keys.get(key, entry.node.source)
            self.faults.add(source, f"{entry.path}.{key}", message)

        for key in opened.entries:
            if key.startswith("$"):
                fault(key, f"no directive {key!r}{did_you_mean(key, DIRECTIVES)}")
        alone = next((key for key in _ALONE if key in opened.directives), None)
        beside = next((key for key in opened.entries if not key.startswith("$")), None)
        if "$keep" in opened.directives:
            beside = beside or next((key for key in _ALONE if key != alone and key in opened.directives), None)
        if alone is not None and beside is not None:
            fault(beside, f"stands beside {alone}, which is no mapping; move one of them")
        if "$for" in opened.directives:
            if "$each" not in opened.directives:
                fault("$for", "$for without $each; write under $each what is repeated")
        else:
            for key in opened.directives.keys() & {"$as", "$each"}:
                fault(key, f"{key} without $for; add $for or remove it")


def _entries(node: Node) -> list[tuple[str, Node]]:
    return list((node.entries or {}).items())


def _sorted(entries: Mapping[str, TemplateNode], conditions: tuple[TemplateNode, ...]) -> OpenedDirective:
    directives = {key: node for key, node in entries.items() if key in DIRECTIVES}
    plain = {key: node for key, node in entries.items() if key not in directives}
    return OpenedDirective(directives, plain, conditions)
