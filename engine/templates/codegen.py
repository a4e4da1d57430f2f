"""Building blocks of the generated Python: parts of a tree, their places in the YAML, and common statements."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from engine.source.faults import Source
from engine.source.tree import Node
from engine.templates.expressions import call, name

Use = Callable[[ast.expr], ast.stmt]  # makes the statement that uses a value: stores it under a key, or appends it


@dataclass(frozen=True, slots=True)
class LeafPlace:
    """Place of a leaf. Its index, from 1, is the line number of the Python generated for the leaf."""

    source: Source
    path: str


@dataclass(frozen=True, slots=True)
class TemplateNode:
    """A node and the path at which it is used; a fragment is used at other places than it is written."""

    node: Node
    path: str
    used: tuple[str, ...] = ()  # fragments that contain it


@dataclass(frozen=True, slots=True)
class ValueCode:
    """Statements and the value that they produce; without `always` it may be `missing`: the part is left out."""

    statements: list[ast.stmt]
    value: ast.expr
    always: bool
    kept: bool = False  # True: None is sent as null, and a part that is left out is ABSENT

    @property
    def missing(self) -> ast.expr:
        return name("absent") if self.kept else ast.Constant(None)


NOTHING = ValueCode([], ast.Constant(None), False)


def joined(pieces: Sequence[ast.expr], function: str) -> ast.expr:
    """Return the f-string of texts and expressions; each expression is passed through `function`."""
    return ast.JoinedStr(
        [
            piece if isinstance(piece, ast.Constant) else ast.FormattedValue(call(function, piece), -1)
            for piece in pieces
        ]
    )


def is_never_empty(expression: ast.expr) -> bool:
    """Tell if the expression is a text that contains a constant."""
    return isinstance(expression, ast.JoinedStr) and any(isinstance(value, ast.Constant) for value in expression.values)


def assign(variable: str, value: ast.expr) -> ast.stmt:
    return ast.Assign([ast.Name(variable, ast.Store())], value)


def put(variable: str, key: str) -> Use:
    """Return the use `variable[key] = value`."""
    target = ast.Subscript(name(variable), ast.Constant(key), ast.Store())
    return lambda value: ast.Assign([target], value)


def append(variable: str) -> Use:
    """Return the use `variable.append(value)`."""
    return lambda value: ast.Expr(ast.Call(ast.Attribute(name(variable), "append", ast.Load()), [value], []))


def present(part: ValueCode) -> ast.expr:
    """Return the value, None if the part is left out. The value is read twice, so it must be a variable."""
    if part.always or not part.kept:
        return part.value
    there = ast.Compare(part.value, [ast.IsNot()], [part.missing])
    return ast.IfExp(there, part.value, ast.Constant(None))


def or_none(variable: str) -> ast.expr:
    """Return `variable or None`."""
    return ast.BoolOp(ast.Or(), [name(variable), ast.Constant(None)])


def reads(statements: Sequence[ast.stmt], variable: str) -> bool:
    """Tell if the statements use the variable."""
    return any(isinstance(node, ast.Name) and node.id == variable for part in statements for node in ast.walk(part))


def number(tree: ast.AST, line: int) -> None:
    """Set the line of all nodes of the tree; a node that has one is skipped with its children, which have one too."""
    pending: list[Any] = [tree]
    while pending:
        node = pending.pop()
        if hasattr(node, "lineno"):
            continue
        for child in vars(node).values():  # like ast.iter_child_nodes, in a third of the time
            if isinstance(child, ast.AST):
                pending.append(child)
            elif isinstance(child, list):
                pending += child
        if node._attributes:
            node.lineno = node.end_lineno = line
            node.col_offset = node.end_col_offset = 0
