"""Jinja sandbox: parses leaves, and lists the filters and tests that exist. Nothing else can be reached."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from jinja2 import StrictUndefined, TemplateSyntaxError, nodes
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS as JINJA_TESTS

from engine.templates.filters import PLAIN, ZONED

_OF_VALUE = ("abs", "count", "dictsort", "items", "length", "reverse")
_OF_ENVIRONMENT = ("first", "last", "max", "min", "sort", "sum", "unique")
_OF_CONTEXT = ("map", "reject", "rejectattr", "select", "selectattr")
_TESTS = (
    *("boolean", "defined", "divisibleby", "eq", "equalto", "even", "false", "float", "ge", "greaterthan", "gt", "in"),
    *("integer", "iterable", "le", "lessthan", "lower", "lt", "mapping", "ne", "none", "number", "odd", "sequence"),
    *("string", "true", "undefined", "upper", "==", "!=", "<", "<=", ">", ">="),
)
UNCERTAIN = {"first", "last", "max", "min"}  # filters whose result may be undefined

LeafPart = str | nodes.Expr


class LeafError(Exception):
    """A leaf is faulty; str() is "error; correction"."""


class Sandbox(ImmutableSandboxedEnvironment):
    """Looks up keys and items only, never a Python attribute, so that dict keys take precedence over dict methods."""

    def getitem(self, obj: Any, argument: Any) -> Any:
        try:
            return obj[argument]
        except (TypeError, LookupError):
            return self.undefined(obj=obj, name=argument)

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.getitem(obj, attribute)


def _environment() -> Sandbox:
    environment = Sandbox(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
    environment.globals.clear()
    allowed = (*_OF_VALUE, *_OF_ENVIRONMENT, *_OF_CONTEXT)
    environment.filters = {name: function for name, function in environment.filters.items() if name in allowed} | PLAIN
    environment.tests = {name: JINJA_TESTS[name] for name in _TESTS}
    return environment


ENVIRONMENT = _environment()
_CONTEXT = Context(ENVIRONMENT, {}, None, {})

# All filters of templates, as generated code calls them.
FILTERS: dict[str, Callable[..., Any]] = {
    **{name: function for name, function in ENVIRONMENT.filters.items() if name in _OF_VALUE},
    **{name: partial(ENVIRONMENT.filters[name], ENVIRONMENT) for name in _OF_ENVIRONMENT},
    **{name: partial(ENVIRONMENT.filters[name], _CONTEXT) for name in _OF_CONTEXT},
    **PLAIN,
    **ZONED,
}
TESTS = {name: function for name, function in ENVIRONMENT.tests.items() if name.isidentifier()}


@lru_cache(maxsize=8192)
def parse(source: str) -> tuple[LeafPart, ...]:
    """Return the texts and expressions of a leaf in order; a leaf without braces is one text. Raises LeafError.

    White space around a single expression is ignored: a folded YAML text ends with a line break.
    """
    if not any(opening in source for opening in ("{{", "{%", "{#")):
        return (source,)
    try:
        if "{#" in source or "{%" in source:
            _refuse_statements(source)
        body = ENVIRONMENT.parse(source).body
    except TemplateSyntaxError as error:
        raise LeafError(f"syntax error in the expression: {_syntax_message(error)}") from None
    parts = [_part(node) for output in body if isinstance(output, nodes.Output) for node in output.nodes]
    expressions = [part for part in parts if not isinstance(part, str)]
    alone = len(expressions) == 1 and not any(isinstance(part, str) and part.strip() for part in parts)
    return tuple(expressions if alone else parts)


def _syntax_message(error: TemplateSyntaxError) -> str:
    """Return Jinja's message without its word template: here it is one leaf."""
    message = str(error.message).rstrip(".")
    return message.replace("end of print statement", "}}").replace("end of template", "end of the text")


def _refuse_statements(source: str) -> None:
    """Raise LeafError for statements and comments. Tokens decide: a text inside an expression may contain `{%`."""
    kinds = {kind for _, kind, _ in ENVIRONMENT.lex(source)}
    if "comment_begin" in kinds:
        raise LeafError("{# #} is not read here; write a YAML comment")
    if kinds & {"block_begin", "raw_begin"}:
        raise LeafError("{% %} is not allowed in a leaf; use {{ }}, and $if or $for around the subtree")


def _part(node: nodes.Expr) -> LeafPart:
    return node.data if isinstance(node, nodes.TemplateData) else node
