"""Translates a Jinja expression to Python, node by node: syntax that is not listed here is refused."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jinja2 import nodes

from engine.templates.filters import METHODS, ZONED
from engine.templates.jinja import FILTERS, TESTS, UNCERTAIN, LeafError
from engine.templates.shapes import Shape

_COMPARISONS: dict[str, type[ast.cmpop]] = {
    "eq": ast.Eq,
    "ne": ast.NotEq,
    "lt": ast.Lt,
    "lteq": ast.LtE,
    "gt": ast.Gt,
    "gteq": ast.GtE,
    "in": ast.In,
    "notin": ast.NotIn,
}
_ARITHMETIC: dict[type[nodes.Node], str] = {
    nodes.Add: "add",
    nodes.Sub: "subtract",
    nodes.Mul: "multiply",
    nodes.Div: "divide",
    nodes.FloorDiv: "floor_divide",
    nodes.Mod: "modulo",
}
_SOFT_FILTERS = {"default", "d"}
_SOFT_TESTS = {"defined", "undefined"}


@dataclass(frozen=True, slots=True)
class Local:
    """A name that `$for` defines: its Python variable, and the shape of its value."""

    variable: str
    shape: Shape


@dataclass(frozen=True, slots=True)
class Scope:
    """The names that a leaf sees: of the context, of the upstream's constants, of the loops that contain it."""

    names: Mapping[str, Shape]
    constants: Mapping[str, Any] = field(default_factory=dict)
    locals: Mapping[str, Local] = field(default_factory=dict)
    filters: frozenset[str] = frozenset()  # the upstream's own filters
    loops: int = 0  # number of `$for` that contain the leaf


def call(function: str, *arguments: ast.expr) -> ast.expr:
    """Return Python's `function(arguments)`."""
    return ast.Call(name(function), list(arguments), [])


def name(identifier: str) -> ast.expr:
    return ast.Name(identifier, ast.Load())


def translate(node: nodes.Node, scope: Scope, *, soft: bool = False) -> ast.expr:
    """Return the Python expression; `soft`: undefined is a value, as `default` needs it. Raises LeafError."""
    match node:
        case nodes.Const():
            return ast.Constant(node.value)
        case nodes.Name():
            return _name(node, scope, soft)
        case nodes.Getattr() | nodes.Getitem():
            return _lookup(node, scope, soft)
        case nodes.Filter():
            return _filter(node, scope, soft)
        case nodes.Test():
            return _test(node, scope)
        case nodes.Call():
            return _method_call(node, scope)
        case nodes.CondExpr():
            return _condition(node, scope)
        case nodes.Compare():
            return _comparison(node, scope)
        case nodes.List() | nodes.Tuple() | nodes.Dict():
            return _literal(node, scope)
        case nodes.UnaryExpr() | nodes.BinExpr() | nodes.Concat():
            return _operation(node, scope)
    raise LeafError(f"{type(node).__name__} is not available in a leaf")


def describe(node: nodes.Node) -> str:
    """Return the expression as a person would write it, for messages."""
    match node:
        case nodes.Name():
            return node.name
        case nodes.Getattr():
            return f"{describe(node.node)}.{node.attr}"
        case nodes.Getitem(arg=nodes.Const(value=value)):
            return f"{describe(node.node)}[{value!r}]"
        case nodes.Getitem():
            return f"{describe(node.node)}[...]"
        case nodes.Filter(node=inner) if inner is not None:
            return f"{describe(inner)} | {node.name}"
    return "the value"


def _name(node: nodes.Name, scope: Scope, soft: bool) -> ast.expr:
    if node.name in scope.locals:
        return name(scope.locals[node.name].variable)
    if node.name in scope.constants:
        value = scope.constants[node.name]
        return (
            ast.Subscript(name("constants"), ast.Constant(node.name), ast.Load())
            if _is_tree(value)
            else ast.Constant(value)
        )
    if soft:
        return call("soft_name", name("scope"), ast.Constant(node.name))
    # A KeyError raised by generated code itself means an undefined name: see Template.
    return ast.Subscript(name("scope"), ast.Constant(node.name), ast.Load())


def _is_tree(value: Any) -> bool:
    return isinstance(value, (dict, list))


def _lookup(node: nodes.Getattr | nodes.Getitem, scope: Scope, soft: bool) -> ast.expr:
    value, key = translate(node.node, scope), _key(node, scope)
    if not soft and _is_declared(node, scope):
        return ast.Subscript(value, key, ast.Load())
    return call("soft_attribute" if soft else "attribute", value, key, ast.Constant(describe(node.node)))


def _is_declared(node: nodes.Getattr | nodes.Getitem, scope: Scope) -> bool:
    """Return whether the key of a context's name is declared, as in `record.id`.

    Contexts are complete (engine.specs.optional_fields): such a key is there, and needs no message for its absence.
    """
    if not isinstance(node, nodes.Getattr) or not isinstance(node.node, nodes.Name):
        return False
    owner = node.node.name
    is_of_context = owner not in scope.locals and owner not in scope.constants
    return is_of_context and owner in scope.names and node.attr in scope.names[owner].keys


def _key(node: nodes.Getattr | nodes.Getitem, scope: Scope) -> ast.expr:
    if isinstance(node, nodes.Getattr):
        return ast.Constant(node.attr)
    if isinstance(node.arg, nodes.Slice):
        bounds = (node.arg.start, node.arg.stop, node.arg.step)
        return call("slice", *(ast.Constant(None) if bound is None else translate(bound, scope) for bound in bounds))
    return translate(node.arg, scope)


def _arguments(node: nodes.Filter | nodes.Test | nodes.Call, scope: Scope) -> tuple[list[ast.expr], list[ast.keyword]]:
    if node.dyn_args is not None or node.dyn_kwargs is not None:
        raise LeafError("* and ** in arguments are not available")
    keywords = [keyword for keyword in node.kwargs if isinstance(keyword, nodes.Keyword)]
    named = [ast.keyword(keyword.key, translate(keyword.value, scope)) for keyword in keywords]
    return [translate(argument, scope) for argument in node.args], named


def _filter(node: nodes.Filter, scope: Scope, soft: bool) -> ast.expr:
    if node.node is None:
        raise LeafError("a filter needs a value before the bar")
    arguments, named = _arguments(node, scope)
    value = translate(node.node, scope, soft=node.name in _SOFT_FILTERS)
    if node.name in scope.filters:
        if arguments or named:
            raise LeafError(f"filter {node.name!r} takes no arguments")
        return call(f"own_{node.name}", name("scope"), value)
    if node.name not in FILTERS:
        raise LeafError(f"unknown filter {node.name!r}")
    if node.name in ZONED:
        named.append(ast.keyword("time_zone", call("time_zone", name("scope"))))
    filtered = ast.Call(name(f"filter_{node.name}"), [value, *arguments], named)
    return call("defined", filtered) if node.name in UNCERTAIN and not soft else filtered


def _test(node: nodes.Test, scope: Scope) -> ast.expr:
    if node.name not in TESTS:
        raise LeafError(f"unknown test {node.name!r}")
    arguments, named = _arguments(node, scope)
    value = translate(node.node, scope, soft=node.name in _SOFT_TESTS)
    return ast.Call(name(f"test_{node.name}"), [value, *arguments], named)


def _method_call(node: nodes.Call, scope: Scope) -> ast.expr:
    if not isinstance(node.node, nodes.Getattr) or node.node.attr not in METHODS:
        raise LeafError(
            f"{describe(node.node)} cannot be called; use a filter, or one of {', '.join(METHODS)} of a text"
        )
    arguments, named = _arguments(node, scope)
    if named:
        raise LeafError(f"{node.node.attr} takes no named arguments")
    return call(f"method_{node.node.attr}", translate(node.node.node, scope), *arguments)


def _condition(node: nodes.CondExpr, scope: Scope) -> ast.expr:
    if node.expr2 is None:
        raise LeafError("an `if` without `else`; end it with `else none`")
    return ast.IfExp(translate(node.test, scope), translate(node.expr1, scope), translate(node.expr2, scope))


def _comparison(node: nodes.Compare, scope: Scope) -> ast.expr:
    operators = [_COMPARISONS[operand.op]() for operand in node.ops]
    return ast.Compare(translate(node.expr, scope), operators, [translate(part.expr, scope) for part in node.ops])


def _literal(node: nodes.List | nodes.Tuple | nodes.Dict, scope: Scope) -> ast.expr:
    if isinstance(node, nodes.Dict):
        pairs = [(translate(pair.key, scope), translate(pair.value, scope)) for pair in node.items]
        return ast.Dict([key for key, _ in pairs], [value for _, value in pairs])
    return ast.List([translate(item, scope) for item in node.items], ast.Load())


def _operation(node: nodes.UnaryExpr | nodes.BinExpr | nodes.Concat, scope: Scope) -> ast.expr:
    """Translate an operator and its operands."""
    match node:
        case nodes.And() | nodes.Or():
            operator = ast.And() if isinstance(node, nodes.And) else ast.Or()
            return ast.BoolOp(operator, [translate(node.left, scope), translate(node.right, scope)])
        case nodes.Not():
            return ast.UnaryOp(ast.Not(), translate(node.node, scope))
        case nodes.Neg() | nodes.Pos():
            return call("negate" if isinstance(node, nodes.Neg) else "number", translate(node.node, scope))
        case nodes.Concat():
            return call("concatenate", *(translate(part, scope) for part in node.nodes))
        case nodes.BinExpr() if type(node) in _ARITHMETIC:
            return call(_ARITHMETIC[type(node)], translate(node.left, scope), translate(node.right, scope))
        case nodes.Pow():
            raise LeafError("** is not available; multiply")
    raise LeafError(f"{type(node).__name__} is not available in a leaf")
