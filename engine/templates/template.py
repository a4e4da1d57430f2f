"""Templates: YAML trees and single expressions with Jinja at the leaves, compiled once, rendered many times."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from types import CodeType
from typing import Any

from engine.errors import AntarError
from engine.source.faults import Faults, Source
from engine.source.tree import Node
from engine.templates import runtime
from engine.templates.codegen import LeafPlace, TemplateNode, number, present
from engine.templates.directives import Directives
from engine.templates.expressions import Scope, call
from engine.templates.filters import METHODS
from engine.templates.jinja import FILTERS, TESTS
from engine.templates.leaves import Leaves
from engine.templates.shapes import ANY, Shape
from engine.templates.trees import Builder

# Globals of generated code; it can reach nothing else.
_RUNTIME: dict[str, Any] = {
    "__builtins__": {},
    "absent": runtime.ABSENT,
    "add": runtime.add,
    "attribute": runtime.attribute,
    "clean": runtime.clean,
    "concatenate": runtime.concatenate,
    "defined": runtime.defined,
    "divide": runtime.arithmetic(operator.truediv),
    "enumerate": enumerate,
    "floor_divide": runtime.arithmetic(operator.floordiv),
    "items_of": runtime.items_of,
    "keep": runtime.keep,
    "loop": runtime.loop,
    "modulo": runtime.arithmetic(operator.mod),
    "multiply": runtime.arithmetic(operator.mul),
    "negate": lambda value: -runtime.number(value),
    "number": runtime.number,
    "plain": runtime.plain,
    "segment": runtime.segment,
    "slice": slice,
    "soft_attribute": runtime.soft_attribute,
    "soft_name": runtime.soft_name,
    "subtract": runtime.arithmetic(operator.sub),
    "text": runtime.text,
    "time_zone": lambda scope: scope["facility"]["time_zone"],
    **{f"filter_{name}": function for name, function in FILTERS.items()},
    **{f"test_{name}": function for name, function in TESTS.items()},
    **{f"method_{name}": function for name, function in METHODS.items()},
}


class TemplateError(AntarError):
    """A leaf cannot be rendered; str() is `file:line:column: path: what is wrong`."""

    def __init__(self, file: str, line: int, column: int, path: str, message: str) -> None:
        super().__init__(f"{file}:{line}:{column}: {path}: {message}")
        self.file = file
        self.line = line
        self.column = column
        self.path = path
        self.message = message


class Template:
    """A compiled tree or expression. `source` is its place in the YAML, `text` the expression as written."""

    __slots__ = ("_function", "_sites", "source", "text")

    def __init__(
        self, function: Callable[[Mapping[str, Any]], Any], sites: tuple[LeafPlace, ...], source: Source, text: str
    ) -> None:
        self._function = function
        self._sites = sites
        self.source = source
        self.text = text

    def render(self, context: Mapping[str, Any]) -> Any:
        """Return the value; a tree has no empty parts except those under `$keep`, and is None if nothing is left.

        Raises TemplateError.
        """
        try:
            return self._function(context)
        except Exception as error:
            raise self._located(error) from error

    def parameters(self, context: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
        """Return the tree as parameters of a URL; a null under `$keep` is an empty parameter. Raises TemplateError."""
        rendered = self.render(context) or {}
        return tuple((name, "" if value is None else str(value)) for name, value in rendered.items())

    def _located(self, error: Exception) -> TemplateError:
        code: CodeType = self._function.__code__
        line, innermost = 1, error.__traceback__
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code is code:
                line = trace.tb_lineno
            trace, innermost = trace.tb_next, trace
        site = self._sites[line - 1]
        in_generated_code = innermost is not None and innermost.tb_frame.f_code is code
        message = f"{error.args[0]!r} is undefined" if in_generated_code and isinstance(error, KeyError) else str(error)
        return TemplateError(site.source.file, site.source.line, site.source.column, site.path, message)


class Compiler:
    """Compiles the templates of one upstream; all of them see its constants, its filters and the fragments."""

    def __init__(
        self,
        faults: Faults,
        constants: Mapping[str, Any] | None = None,
        fragments: Mapping[str, Node] | None = None,
    ) -> None:
        self._faults = faults
        self._constants = constants or {}
        self._fragments = fragments or {}
        self._runtime: dict[str, Any] = {**_RUNTIME, "constants": self._constants}
        self._own: frozenset[str] = frozenset()

    def add_filter(self, name: str, node: Node, path: str, names: Mapping[str, Shape]) -> None:
        """Add a filter of the YAML. It can use only filters that were added earlier, so that none can call itself."""
        template = self.expression(node, path, {**names, "value": ANY})

        def apply(scope: Mapping[str, Any], value: Any) -> Any:
            try:
                return template.render({**scope, "value": value})
            except TemplateError as error:
                raise ValueError(f"in filter {name!r}: {error.message}") from error

        self._runtime[f"own_{name}"] = apply
        self._own |= {name}

    def tree(self, node: Node, path: str, names: Mapping[str, Shape]) -> Template:
        """Compile a payload or query tree; each fault is added with the place of its leaf."""
        leaves = Leaves(self._faults)
        builder = Builder(leaves, Directives(self._fragments, self._faults), self._faults)
        code = builder.code(TemplateNode(node, path), self._scope(names))
        return self._template([*code.statements, ast.Return(present(code))], leaves, node, path)

    def expression(self, node: Node, path: str, names: Mapping[str, Shape]) -> Template:
        """Compile one leaf whose value is not cleaned: null, empty texts and lists stay."""
        leaves = Leaves(self._faults)
        value, _ = leaves.expression(TemplateNode(node, path), self._scope(names))
        return self._template([ast.Return(call("plain", value))], leaves, node, path)

    def path(self, node: Node, path: str, names: Mapping[str, Shape]) -> Template:
        """Compile the path of a URL: each inserted value is a segment or part of one, percent-encoded, never empty."""
        leaves = Leaves(self._faults)
        value, _ = leaves.expression(TemplateNode(node, path), self._scope(names), inside_text="segment")
        return self._template([ast.Return(value)], leaves, node, path)

    def shape(self, node: Node, names: Mapping[str, Shape]) -> Shape:
        """Return the shape of an expression's value; its faults are reported by `expression`."""
        return Leaves(Faults()).expression(TemplateNode(node, ""), self._scope(names))[1]

    def _scope(self, names: Mapping[str, Shape]) -> Scope:
        return Scope(names, self._constants, filters=self._own)

    def _template(self, body: list[ast.stmt], leaves: Leaves, node: Node, path: str) -> Template:
        sites = (*leaves.sites, LeafPlace(node.source, path))
        arguments = ast.arguments(posonlyargs=[], args=[ast.arg("scope")], kwonlyargs=[], kw_defaults=[], defaults=[])
        module = ast.Module([ast.FunctionDef("render", arguments, body, [])], [])
        number(module, len(sites))
        try:
            code = compile(module, f"<{path}>", "exec")
        except RecursionError:
            self._faults.add(node.source, path, "nested too deeply; take it apart")
            code = compile("def render(scope): return None", f"<{path}>", "exec")
        exec(code, self._runtime)  # noqa: S102  # compiled from our own nodes, never from text
        text = node.value if isinstance(node.value, str) else ""
        return Template(self._runtime.pop("render"), sites, node.source, text)
