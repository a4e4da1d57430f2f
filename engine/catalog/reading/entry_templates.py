"""The templates of one entry: where each is written, what it may see, and what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.catalog.reading import values
from engine.source.faults import Faults
from engine.source.tree import Node
from engine.specs.record_type import Column
from engine.templates.shapes import Shape
from engine.templates.template import Compiler, Template

Names = Mapping[str, Shape]


@dataclass(frozen=True, slots=True)
class Templates:
    """Compiles what stands below an entry; `path` is the entry's own."""

    path: str
    compiler: Compiler
    faults: Faults
    # Paths of the nodes that come from the upstream's defaults: they are told there, once, not for each entry.
    inherited: Mapping[int, str] = field(default_factory=dict)

    def expression(self, node: Node | None, section: str, key: str, names: Names) -> Template | None:
        """The expression under the key of a section, None if there is none."""
        found = None if node is None else node.get(key)
        return None if found is None else self.compiler.expression(found, self._path(found, section, key), names)

    def tree(self, node: Node, section: str, key: str, names: Names) -> Template | None:
        """The tree under the key, None if there is none."""
        found = node.get(key)
        return None if found is None else self.compiler.tree(found, self._path(found, section, key), names)

    def required(self, node: Node, section: str, key: str, names: Names) -> Template | None:
        """The expression under the key, a fault if there is none."""
        if node.get(key) is None:
            self.missing(node, section, key, "write it here or in the upstream's defaults")
        return self.expression(node, section, key, names)

    def method(self, node: Node, section: str) -> str:
        """The HTTP method of a request."""
        if node.get("method") is None:
            self.missing(node, section, "method", "write it here or in the upstream's defaults")
        return values.text(node, "method", "POST")

    def url_path(self, node: Node, section: str, names: Names) -> Template | None:
        """The path of a request: it starts with /, names no host and has no query."""
        found = node.get("path")
        if found is None:
            self.missing(node, section, "path", "write e.g. path: /Resource")
            return None
        path = self._path(found, section, "path")
        wrong = _wrong_with_path(found.value if isinstance(found.value, str) else "")
        if wrong:
            self.faults.add(found.source, path, wrong)
        return self.compiler.path(found, path, names)

    def missing(self, node: Node, section: str, key: str, right: str) -> None:
        """A fault at the mapping that lacks the key."""
        self.faults.add(node.source, f"{self.path}.{section}", f"{key!r} is missing; {right}")

    def _path(self, node: Node, section: str, key: str) -> str:
        written = ".".join(each for each in (self.path, section, key) if each)
        return self.inherited.get(id(node), written)


def _wrong_with_path(path: str) -> str:
    if "://" in path or path.startswith("//"):
        return "names a host; write the path only, addresses come from environments.yaml"
    if not path.startswith("/"):
        return "does not start with /; write e.g. /Resource"
    return "has a query or fragment; write parameters under query" if "?" in path or "#" in path else ""


def columns(entry: Node, templates: Templates, names: Names) -> tuple[Column, ...]:
    """The section `columns`, in order; one without a value is left out, and told as a fault by the grammar."""
    found = []
    for name, node in values.entries(entry, "columns").items():
        value = templates.expression(node, f"columns.{name}", "value", names)
        if value is not None:
            label = values.text(node, "label", name)
            filter_, hidden = (values.flag(node, each, False) for each in ("filter", "hidden"))
            found.append(Column(name, label, value, filter_, hidden))
    return tuple(found)
