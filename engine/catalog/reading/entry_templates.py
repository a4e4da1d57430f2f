"""Compiles the templates of one entry, each with its place and the names that it sees; reports missing ones."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.catalog.reading import values
from engine.source.faults import Faults
from engine.source.tree import Node
from engine.specs.record_type import Column
from engine.templates.shapes import Shape
from engine.templates.template import Compiler, Template

Names = Mapping[str, Shape]
USES_MASK = re.compile(r"\|\s*mask\b")


@dataclass(frozen=True, slots=True)
class Templates:
    """Compiles the templates of an entry; `path` is the path of the entry."""

    path: str
    compiler: Compiler
    faults: Faults
    # Paths of nodes from the upstream's defaults: their faults are reported once, there, not for each entry.
    inherited: Mapping[int, str] = field(default_factory=dict)

    def expression(self, node: Node | None, section: str, key: str, names: Names) -> Template | None:
        """Compile the expression under the key of a section, None if there is none."""
        leaf = None if node is None else node.get(key)
        return None if leaf is None else self.compiler.expression(leaf, self._path(leaf, section, key), names)

    def tree(self, node: Node, section: str, key: str, names: Names) -> Template | None:
        """Compile the tree under the key, None if there is none."""
        root = node.get(key)
        return None if root is None else self.compiler.tree(root, self._path(root, section, key), names)

    def required(self, node: Node, section: str, key: str, names: Names) -> Template | None:
        """Compile the expression under the key; it is a fault if there is none."""
        if node.get(key) is None:
            self.missing(node, section, key, "write it here or in the upstream's defaults")
        return self.expression(node, section, key, names)

    def method(self, node: Node, section: str) -> str:
        """Return the HTTP method of a request."""
        if node.get("method") is None:
            self.missing(node, section, "method", "write it here or in the upstream's defaults")
        return values.text(node, "method", "POST")

    def url_path(self, node: Node, section: str, names: Names) -> Template | None:
        """Compile the path of a request; it must start with /, without host and query."""
        leaf = node.get("path")
        if leaf is None:
            self.missing(node, section, "path", "write e.g. path: /Resource")
            return None
        path = self._path(leaf, section, "path")
        problem = _path_problem(leaf.value if isinstance(leaf.value, str) else "")
        if problem:
            self.faults.add(leaf.source, path, problem)
        return self.compiler.path(leaf, path, names)

    def missing(self, node: Node, section: str, key: str, correction: str) -> None:
        """Add a fault at the mapping that lacks the key."""
        self.faults.add(node.source, f"{self.path}.{section}", f"{key!r} is missing; {correction}")

    def _path(self, node: Node, section: str, key: str) -> str:
        own_path = ".".join(step for step in (self.path, section, key) if step)
        return self.inherited.get(id(node), own_path)


def _path_problem(path: str) -> str:
    if "://" in path or path.startswith("//"):
        return "names a host; write the path only, addresses come from environments.yaml"
    if not path.startswith("/"):
        return "does not start with /; write e.g. /Resource"
    return "has a query or fragment; write parameters under query" if "?" in path or "#" in path else ""


def columns(entry: Node, templates: Templates, names: Names, *, filters: bool = False) -> tuple[Column, ...]:
    """Compile the section `columns`; a column without a value is left out, and is a fault of the grammar.

    A filter where there can be none is a fault; `filters`: the list of these columns has filters.
    """
    compiled = []
    for name, node in values.entries(entry, "columns").items():
        value = templates.expression(node, f"columns.{name}", "value", names)
        if value is not None:
            label = values.label(node, "label", name)
            filter_, hidden, detail = (values.flag(node, key, False) for key in ("filter", "hidden", "detail"))
            words = {text.id: text for text in map(values.text_of, values.items(node, "words"))}
            masks = USES_MASK.search(value.text) is not None
            compiled.append(Column(name, label, value, filter_, hidden, masks, words, detail))
            problem = _filter_problem(compiled[-1], filters) if filter_ else ""
            if problem:
                source = node.find(["filter"]).source
                templates.faults.add(source, f"{templates.path}.columns.{name}.filter", problem)
    return tuple(compiled)


def _filter_problem(column: Column, filters: bool) -> str:
    """Return why a list cannot be filtered by a column, empty if it can."""
    if not filters:
        return "only the lists of specs have filters; remove it, the search here finds the words of every column"
    if column.masked:
        return "masks an identifier, and these are in no index; remove it"
    return "is hidden, so that nobody sees by what is filtered; remove one of both" if column.hidden else ""
