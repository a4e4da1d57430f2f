"""Compiled JMESPath that is read from many answers: most of them have none of the fields that it names."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult
from jmespath.visitor import TreeInterpreter

# Shared: ParsedResult.search builds an interpreter for each search, which costs more than the search.
_INTERPRETER = TreeInterpreter()

# Nodes of a parsed expression by the content on which their parts are evaluated.
_ALL_PARTS_ON_CONTENT = frozenset(
    {
        "and_expression",
        "comparator",
        "function_expression",
        "key_val_pair",
        "multi_select_dict",
        "multi_select_list",
        "not_expression",
        "or_expression",
    }
)
_FIRST_PART_ON_CONTENT = frozenset(  # the others on the result of the first
    {
        "filter_projection",
        "flatten",
        "index_expression",
        "pipe",
        "projection",
        "subexpression",
        "value_projection",
    }
)


class JsonPath(ParsedResult):
    """A JMESPath whose result for an object without any field that it names is computed once."""

    def __init__(self, compiled: ParsedResult) -> None:
        super().__init__(compiled.expression, compiled.parsed)
        names = frozenset(_names(self.parsed))
        self._fields = None if None in names else names

    def read(self, content: Any) -> Any:
        """Return the path's result; None if a function in it meets a wrong type, because any answer may come."""
        if self._fields is not None and isinstance(content, dict) and content.keys().isdisjoint(self._fields):
            return self._without_fields
        return self._evaluate(content)

    @cached_property
    def _without_fields(self) -> Any:
        return self._evaluate({})

    def _evaluate(self, content: Any) -> Any:
        try:
            return _INTERPRETER.visit(self.parsed, content)
        except JMESPathError:
            return None


def compile_path(expression: str) -> JsonPath:
    """Compile a JMESPath; raises ValueError with the position of the fault."""
    try:
        return JsonPath(jmespath.compile(expression))
    except JMESPathError as error:
        raise ValueError(str(error)) from error


def _names(node: Any) -> Iterator[str | None]:
    """Yield the fields of the content that an expression names, and None if it may take the content as a whole."""
    kind, parts = node["type"], node["children"]
    if kind == "field":
        yield node["value"]
    elif kind in _ALL_PARTS_ON_CONTENT:
        for part in parts:
            yield from _names(part)
    elif kind in _FIRST_PART_ON_CONTENT:
        yield from _names(parts[0])
    elif kind != "literal":
        yield None
