"""Translates a payload tree to the body of one Python function that builds the payload without empty parts."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from engine.source.faults import Faults
from engine.templates.codegen import (
    NOTHING,
    TemplateNode,
    Use,
    ValueCode,
    append,
    assign,
    is_never_empty,
    or_none,
    present,
    put,
    reads,
)
from engine.templates.directives import Directives, OpenedDirective
from engine.templates.expressions import Local, Scope, call, name
from engine.templates.leaves import Leaves
from engine.templates.shapes import ANY, SCALAR, Shape

MAX_NODES = 20_000  # of one tree with its fragments inlined
MAX_LEVELS = 100
MAX_LOOPS = 15  # `$for` inside `$for`; Python allows twenty nested blocks
LOOP = Shape(dict.fromkeys(("index", "index0", "first", "last"), SCALAR))


@dataclass(slots=True)
class Builder:
    """Makes the statements of one tree; faults are collected, and a faulty part is left out."""

    leaves: Leaves
    directives: Directives
    faults: Faults
    size: int = field(default=0, init=False)
    depth: int = field(default=0, init=False)

    def code(self, entry: TemplateNode, scope: Scope) -> ValueCode:
        """Translate any node: a mapping with or without directives, a list, or a leaf."""
        self.size += 1
        self.depth += 1
        try:
            if self.size > MAX_NODES or self.depth > MAX_LEVELS:
                message = f"too deep or too large; at most {MAX_LEVELS} levels and {MAX_NODES} nodes are read"
                self.faults.add(entry.node.source, entry.path.split("[")[0], message)
                return NOTHING
            if entry.node.entries is not None:
                return self._mapping(entry, scope)
            return self._leaf(entry, scope) if entry.node.items is None else self._list(entry, scope)
        finally:
            self.depth -= 1

    def _leaf(self, entry: TemplateNode, scope: Scope) -> ValueCode:
        expression, _ = self.leaves.expression(entry, scope)
        if isinstance(expression, ast.Constant):
            return NOTHING if expression.value in (None, "") else ValueCode([], expression, True)
        if is_never_empty(expression):
            return ValueCode([], expression, True)
        return ValueCode([], self.leaves.at_site(call("clean", expression), entry), False)

    def _mapping(self, entry: TemplateNode, scope: Scope) -> ValueCode:
        opened = self.directives.open(entry)
        if "$for" in opened.directives:
            result = self._variable("list")
            statements = [assign(result, ast.List([], ast.Load())), *self._loop(opened, result, scope)]
            return ValueCode(statements, or_none(result), False)
        if "$value" in opened.directives:
            code = self.code(opened.directives["$value"], scope)
        elif "$keep" in opened.directives:
            code = self._keep(opened.directives["$keep"], scope)
        elif "$use" in opened.directives:
            fragment = self.directives.whole_fragment(opened.directives["$use"])
            code = NOTHING if fragment is None else self.code(fragment, scope)
        else:
            code = self._object(opened.entries, scope)
        return self._guarded(code, opened, scope)

    def _keep(self, entry: TemplateNode, scope: Scope) -> ValueCode:
        """Translate a value that is sent even if it is empty; a mapping or list with nothing left becomes null."""
        if entry.node.entries is None and entry.node.items is None:
            expression, _ = self.leaves.expression(entry, scope)
            if not isinstance(expression, ast.Constant):
                expression = self.leaves.at_site(call("keep", expression), entry)
            return ValueCode([], expression, True, True)
        code = self.code(entry, scope)
        return ValueCode(code.statements, present(code), True, True)

    def _object(self, entries: Mapping[str, TemplateNode], scope: Scope) -> ValueCode:
        """Put values that are always present into a literal, and add the others if they are not empty."""
        codes = [(key, code) for key, node in entries.items() if (code := self.code(node, scope)) is not NOTHING]
        lead = next((at for at, (_, code) in enumerate(codes) if not code.always), len(codes))
        statements = [statement for _, code in codes[:lead] for statement in code.statements]
        literal = ast.Dict([ast.Constant(key) for key, _ in codes[:lead]], [code.value for _, code in codes[:lead]])
        if lead == len(codes):
            return ValueCode(statements, literal, True) if codes else NOTHING
        result = self._variable("mapping")
        statements.append(assign(result, literal))
        for key, code in codes[lead:]:
            statements += self._kept(code, put(result, key))
        always = any(code.always for _, code in codes)
        return ValueCode(statements, name(result) if always else or_none(result), always)

    def _list(self, entry: TemplateNode, scope: Scope) -> ValueCode:
        items = [
            replace(entry, node=node, path=f"{entry.path}[{at}]") for at, node in enumerate(entry.node.items or ())
        ]
        result = self._variable("list")
        body: list[ast.stmt] = []
        always = False
        for item in items:
            if item.node.get("$for") is not None:
                body += self._loop(self.directives.open(item), result, scope)
                continue
            code = self.code(item, scope)
            body += self._kept(code, append(result)) if code is not NOTHING else []
            always = always or code.always
        if not body:
            return NOTHING
        return ValueCode(
            [assign(result, ast.List([], ast.Load())), *body], name(result) if always else or_none(result), always
        )

    def _loop(self, opened: OpenedDirective, result: str, scope: Scope) -> list[ast.stmt]:
        """Return statements that append to the list `result`, once for each item of `$for`."""
        over = opened.directives["$for"]
        if "$each" not in opened.directives:
            return []
        if scope.loops == MAX_LOOPS:
            self.faults.add(over.node.source, over.path, f"more than {MAX_LOOPS} $for in each other; flatten them")
            return []
        sequence, shape = self.leaves.expression(over, scope)
        items, index, item, loop = (self._variable(purpose) for purpose in ("items", "index", "item", "loop"))
        inner = self._inside(opened, scope, Local(item, shape.item or ANY), Local(loop, LOOP))
        code = self.code(opened.directives["$each"], inner)
        body: list[ast.stmt] = [ast.Pass()] if code is NOTHING else self._kept(code, append(result))
        if "$if" in opened.directives:
            body = [ast.If(self.leaves.expression(opened.directives["$if"], inner)[0], body, [])]
        if reads(body, loop):
            body = [assign(loop, call("loop", name(index), name(items))), *body]
        target = ast.Tuple([ast.Name(index, ast.Store()), ast.Name(item, ast.Store())], ast.Store())
        sequence = self.leaves.at_site(call("items_of", sequence), over)
        return [assign(items, sequence), ast.For(target, call("enumerate", name(items)), body, [])]

    def _inside(self, opened: OpenedDirective, scope: Scope, item: Local, loop: Local) -> Scope:
        """Return the scope inside `$each`."""
        as_name = opened.directives.get("$as")
        place = as_name or opened.directives["$for"]
        word = "item" if as_name is None else as_name.node.value
        if not isinstance(word, str) or not word.isidentifier() or word == "loop":
            self.faults.add(place.node.source, place.path, f"{word!r} cannot be a name; write letters, digits and _")
        elif word in scope.names or word in scope.constants:
            self.faults.add(place.node.source, place.path, f"{word!r} hides a name of the context; choose another $as")
        return replace(scope, locals={**scope.locals, str(word): item, "loop": loop}, loops=scope.loops + 1)

    def _guarded(self, code: ValueCode, opened: OpenedDirective, scope: Scope) -> ValueCode:
        """Return the code inside an `if` that tests all conditions."""
        tests = [self.leaves.expression(condition, scope)[0] for condition in opened.conditions]
        if not tests or code is NOTHING:
            return code
        test = tests[0] if len(tests) == 1 else ast.BoolOp(ast.And(), tests)
        result = self._variable("kept")
        body = [*code.statements, assign(result, code.value)]
        return ValueCode([assign(result, code.missing), ast.If(test, body, [])], name(result), False, code.kept)

    def _kept(self, code: ValueCode, use: Use) -> list[ast.stmt]:
        """Return statements that use the value unless it is missing."""
        if code.always:
            return [*code.statements, use(code.value)]
        variable = self._variable("value")
        is_present = ast.Compare(name(variable), [ast.IsNot()], [code.missing])
        return [*code.statements, assign(variable, code.value), ast.If(is_present, [use(name(variable))], [])]

    def _variable(self, purpose: str) -> str:
        self.size += 1
        return f"{purpose}_{self.size}"
