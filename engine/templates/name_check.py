"""Finds undeclared names in an expression before it is rendered, by following the shapes of declared values."""

from __future__ import annotations

from collections.abc import Callable

from jinja2 import nodes

from engine.source.faults import did_you_mean
from engine.templates.expressions import Scope, describe
from engine.templates.filters import METHODS, ZONED
from engine.templates.jinja import ENVIRONMENT, FILTERS, TESTS
from engine.templates.shapes import ANY, SCALAR, Shape, merged, of_value

Report = Callable[[str], None]

_SAME = {"default", "d", "list", "reverse", "sort", "unique", "select", "reject", "selectattr", "rejectattr"}
_ITEM = {"first", "last", "min", "max"}
_OF_ANYTHING = {"map", "items", "dictsort", "sum"}
_NAMES_A_TEST = {"select": 0, "reject": 0, "selectattr": 1, "rejectattr": 1}


def check_names(node: nodes.Node, scope: Scope, report: Report) -> Shape:
    """Report each unknown name, attribute, filter and test; return the shape of the result."""
    match node:
        case nodes.Name():
            return _name(node.name, scope, report)
        case nodes.Const():
            return SCALAR
        case nodes.Getattr():
            return _key(check_names(node.node, scope, report), node.attr, node, report)
        case nodes.Getitem(arg=nodes.Const(value=str() as key)):
            return _key(check_names(node.node, scope, report), key, node, report)
        case nodes.Getitem():
            return _item(node, scope, report)
        case nodes.Filter():
            return _filter(node, scope, report)
        case nodes.Test():
            if node.name not in TESTS:
                report(f"unknown test {node.name!r}{did_you_mean(node.name, TESTS)}")
            _all(node, scope, report)
            return SCALAR
        case nodes.CondExpr():
            check_names(node.test, scope, report)
            branches = [branch for branch in (node.expr1, node.expr2) if branch is not None]
            return merged(*(check_names(branch, scope, report) for branch in branches))
        case nodes.And() | nodes.Or():
            return merged(check_names(node.left, scope, report), check_names(node.right, scope, report))
        case nodes.Call(node=nodes.Getattr() as method):
            # A method is no key of the value.
            check_names(method.node, scope, report)
            for argument in node.args:
                check_names(argument, scope, report)
            return ANY if method.attr in METHODS else SCALAR
        case nodes.List():
            items = [check_names(item, scope, report) for item in node.items]
            return Shape({}, merged(*items) if items else ANY)
    _all(node, scope, report)
    return ANY


def _all(node: nodes.Node, scope: Scope, report: Report) -> None:
    for child in node.iter_child_nodes():
        check_names(child, scope, report)


def _name(name: str, scope: Scope, report: Report) -> Shape:
    if name in scope.locals:
        return scope.locals[name].shape
    if name in scope.constants:
        return of_value(scope.constants[name])
    if name in scope.names:
        return scope.names[name]
    names = [*scope.names, *scope.constants, *scope.locals]
    report(f"{name!r} is not known here{did_you_mean(name, names)}")
    return ANY


def _key(shape: Shape, key: str, node: nodes.Getattr | nodes.Getitem, report: Report) -> Shape:
    if key in shape.keys:
        return shape.keys[key]
    if not shape.open:
        owner = describe(node.node)
        if shape.item is not None:
            report(f"{owner} is a list and has no {key!r}; take one with [0] or | first, or go through it with $for")
        elif shape.keys:
            report(f"{key!r} is not declared in {owner}{did_you_mean(key, shape.keys)}")
        else:
            report(f"{owner} has no {key!r}; nothing is declared below it")
    return ANY


def _item(node: nodes.Getitem, scope: Scope, report: Report) -> Shape:
    shape = check_names(node.node, scope, report)
    check_names(node.arg, scope, report)
    if isinstance(node.arg, nodes.Slice):
        return shape
    if shape.item is not None:
        return shape.item
    return merged(*shape.keys.values()) if shape.keys and not shape.open else ANY


def _filter(node: nodes.Filter, scope: Scope, report: Report) -> Shape:
    filters = {*FILTERS, *scope.filters}
    if node.name not in filters:
        report(f"unknown filter {node.name!r}{did_you_mean(node.name, filters)}")
    shape = ANY if node.node is None else check_names(node.node, scope, report)
    for argument in (*node.args, *node.kwargs):
        check_names(argument, scope, report)
    _check_named_inside(node, report)
    if node.name in _SAME:
        return shape
    if node.name in _ITEM:
        return shape.item or ANY
    return ANY if node.name in _OF_ANYTHING or node.name not in FILTERS else SCALAR


def _check_named_inside(node: nodes.Filter, report: Report) -> None:
    """Check the filter or test named in a text, as in map('upper') and selectattr('use', 'equalto', ...)."""
    place = _NAMES_A_TEST.get(node.name)
    if place is not None and len(node.args) > place:
        test = node.args[place]
        if isinstance(test, nodes.Const) and test.value not in ENVIRONMENT.tests:
            report(f"unknown test {test.value!r}{did_you_mean(str(test.value), ENVIRONMENT.tests)}")
    if node.name == "map" and node.args and isinstance(node.args[0], nodes.Const):
        inner = node.args[0].value
        if inner in ZONED:
            report(f"{inner!r} cannot be mapped, it needs the facility's time zone; use $for")
        elif inner not in ENVIRONMENT.filters:
            report(f"unknown filter {inner!r}{did_you_mean(str(inner), ENVIRONMENT.filters)}")
