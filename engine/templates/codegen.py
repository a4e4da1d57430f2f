"""The pieces of generated Python: parts of a tree, the places they come from, and the statements around them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from engine.source.faults import Source
from engine.source.tree import Node
from engine.templates.expressions import call, name

Use = Callable[[ast.expr], ast.stmt]  # what becomes of a value: it is put under a key, or appended


@dataclass(frozen=True, slots=True)
class Site:
    """A leaf of the configuration. Its number is the line number of the Python that was made of it."""

    source: Source
    path: str


@dataclass(frozen=True, slots=True)
class TemplateNode:
    """A node at its place: `path` is where it is used, which for a fragment is not where it is written."""

    node: Node
    path: str
    used: tuple[str, ...] = ()  # fragments around it


@dataclass(frozen=True, slots=True)
class Part:
    """Statements, and then the value they leave; without `always` it may be `missing`, which means left out."""

    statements: list[ast.stmt]
    value: ast.expr
    always: bool
    kept: bool = False  # none is a value of it that is sent; what is left out is ABSENT

    @property
    def missing(self) -> ast.expr:
        return name("absent") if self.kept else ast.Constant(None)


NOTHING = Part([], ast.Constant(None), False)


def joined(pieces: Sequence[ast.expr], function: str) -> ast.expr:
    """A text of texts and expressions, each expression through `function`."""
    return ast.JoinedStr(
        [each if isinstance(each, ast.Constant) else ast.FormattedValue(call(function, each), -1) for each in pieces]
    )


def is_never_empty(expression: ast.expr) -> bool:
    """Whether it is a text with something fixed in it."""
    return isinstance(expression, ast.JoinedStr) and any(isinstance(each, ast.Constant) for each in expression.values)


def assign(variable: str, value: ast.expr) -> ast.stmt:
    return ast.Assign([ast.Name(variable, ast.Store())], value)


def put(variable: str, key: str) -> Use:
    """`variable[key] = value`"""
    target = ast.Subscript(name(variable), ast.Constant(key), ast.Store())
    return lambda value: ast.Assign([target], value)


def append(variable: str) -> Use:
    """`variable.append(value)`"""
    return lambda value: ast.Expr(ast.Call(ast.Attribute(name(variable), "append", ast.Load()), [value], []))


def present(part: Part) -> ast.expr:
    """The value, None where it is left out. A name is read twice, so that the value must be one."""
    if part.always or not part.kept:
        return part.value
    there = ast.Compare(part.value, [ast.IsNot()], [part.missing])
    return ast.IfExp(there, part.value, ast.Constant(None))


def or_none(variable: str) -> ast.expr:
    """`variable or None`"""
    return ast.BoolOp(ast.Or(), [name(variable), ast.Constant(None)])


def reads(statements: Sequence[ast.stmt], variable: str) -> bool:
    """Whether the statements use the variable."""
    return any(isinstance(each, ast.Name) and each.id == variable for part in statements for each in ast.walk(part))


def number(tree: ast.AST, line: int) -> None:
    """Give all nodes of the tree that line, except those that have one: what is below them has one too."""
    waiting: list[Any] = [tree]
    while waiting:
        node = waiting.pop()
        if hasattr(node, "lineno"):
            continue
        for child in vars(node).values():  # as ast.iter_child_nodes, in a third of its time
            if isinstance(child, ast.AST):
                waiting.append(child)
            elif isinstance(child, list):
                waiting += child
        if node._attributes:
            node.lineno = node.end_lineno = line
            node.col_offset = node.end_col_offset = 0
