"""Leaves: one value of the YAML as one Python expression that remembers its place in the YAML."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from engine.source.faults import Faults
from engine.templates.codegen import LeafPlace, TemplateNode, joined, number
from engine.templates.expressions import Scope, translate
from engine.templates.jinja import LeafError, LeafPart, parse
from engine.templates.name_check import check_names
from engine.templates.shapes import ANY, SCALAR, Shape


@dataclass(slots=True)
class Leaves:
    """Translates leaves to Python; faults are collected, and a faulty leaf becomes null."""

    faults: Faults
    sites: list[LeafPlace] = field(default_factory=list)

    def expression(self, entry: TemplateNode, scope: Scope, inside_text: str = "text") -> tuple[ast.expr, Shape]:
        """Translate a leaf: a single expression keeps its type, expressions in a text go through `inside_text`."""
        node = entry.node
        if node.entries is not None or node.items is not None:
            self.faults.add(node.source, entry.path, "must be one value; write an expression in {{ }}")
            return ast.Constant(None), ANY
        if not isinstance(node.value, str):
            return ast.Constant(node.value), SCALAR
        try:
            parts = parse(node.value)
            shapes = self._check(parts, entry, scope)
            pieces = [ast.Constant(part) if isinstance(part, str) else translate(part, scope) for part in parts]
        except RecursionError:
            self.faults.add(node.source, entry.path, "the expression is nested too deeply; take it apart")
            return ast.Constant(None), ANY
        except LeafError as error:
            if not self._is_reported(entry):
                self.faults.add(node.source, entry.path, str(error))
            return ast.Constant(None), ANY
        if len(pieces) == 1:
            return self.at_site(pieces[0], entry), shapes[0] if shapes else SCALAR
        return self.at_site(joined(pieces, inside_text), entry), SCALAR

    def at_site(self, expression: ast.expr, entry: TemplateNode) -> ast.expr:
        """Set the number of the leaf's site as the line of its Python, so that a traceback names the leaf."""
        self.sites.append(LeafPlace(entry.node.source, entry.path))
        number(expression, len(self.sites))
        return expression

    def _check(self, parts: tuple[LeafPart, ...], entry: TemplateNode, scope: Scope) -> list[Shape]:
        def report(message: str) -> None:
            self.faults.add(entry.node.source, entry.path, message)

        return [check_names(part, scope, report) for part in parts if not isinstance(part, str)]

    def _is_reported(self, entry: TemplateNode) -> bool:
        """Tell if the leaf has a fault already: an unknown filter also stops the translation, with a worse message."""
        return any(fault.path == entry.path and fault.file == entry.node.source.file for fault in self.faults.reported)
