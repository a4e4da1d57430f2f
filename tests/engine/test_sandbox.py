"""Sandbox of templates: the known escapes from Jinja, and the known bombs."""

from __future__ import annotations

import pytest

from engine.source.faults import ConfigFaults
from engine.templates.template import TemplateError
from tests.engine.templates.trees import render, value

ESCAPES = [
    "''.__class__.__mro__[1].__subclasses__()",
    "record.__class__",
    "record['__class__']",
    "record.x['__class__']",
    "record.x|attr('__class__')",
    "[record]|map(attribute='__class__')|list",
    "[record]|map(attribute='__class__.__mro__')|list",
    "[record.x]|map('attr', '__class__')|list",
    "[record]|selectattr('__class__')|list",
    "[record]|sort(attribute='__class__.__mro__')|list",
    "[record]|groupby('__class__')|list",
    "[record]|sum(attribute='__class__')",
    "[record, record]|min(attribute='__init__')",
    "record.x.format(record)",
    "'{0.__class__}'.format(record)",
    "'{a.__class__}'.format_map(record)",
    "'%s'|format(record)",
    "'%999999999d' % 1",
    "record.x.join",
    "record.pop('x')",
    "record.update({})",
    "record.items()",
    "[].append(1)",
    "record.x.encode()",
    "record.x.mro()",
    "self",
    "self._TemplateReference__context",
    "lipsum.__globals__['os'].popen('id').read()",
    "cycler.__init__.__globals__",
    "joiner.__init__",
    "namespace(a=1)",
    "dict(a=1)",
    "range(10)",
    "config",
    "get_flashed_messages",
    "request",
    "loop",
    "scope",
    "constants",
    "attribute(record, 'x', '')",
    "__builtins__",
    "__import__('os')",
    "caller()",
    "super()",
    "varargs",
    "record.x|pprint",
    "record.x|xmlattr",
    "record.x|urlize",
    "record.x|safe",
    "record.x|random",
    "'x'|center(999999999)",
    "'x'|indent(999999999)",
    "[1]|batch(999999999, 'x')|list",
    "[1]|slice(999999999)|list",
    "'x' * 999999999",
    "999999999 * 'x'",
    "[1] * 999999999",
    "9 ** 9 ** 9",
    "10 ** 999999999",
    "999999999999999999 * 999999999999999999",
    "1e308 * 10",
    "'nan'|float",
    "'inf'|float",
    "('9' * 5000)|int",
    "'9999999999999999999999'|int",
    "'x'|zfill(999999999)",
    "'a'|replace('', 'bbbb')",
    "'aaaaaaaa'.replace('a', record.big).replace('b', record.big)",
    "record.big ~ record.big",
    "record.big + record.big",
    "[record.big, record.big]|join('-')",
    "1.5|round(999999999)",
    "record.x(1)",
    "record.x()",
    "'x'.upper.__func__",
    "(1).__class__",
    "record.x is filter",
    "record.x is callable",
    "record.x is sameas(1)",
    "[record.x]|map('safe')|list",
    "[record.x]|select('callable')|list",
    "[record.x]|map('nothing')|list",
]


@pytest.mark.parametrize("expression", ESCAPES)
def test_no_expression_reaches_outside_or_explodes(expression: str) -> None:
    with pytest.raises((ConfigFaults, TemplateError)):
        value(expression, x="x", big="b" * 6_000_000)


def test_a_callable_in_the_context_is_not_called_and_not_sent() -> None:
    with pytest.raises((ConfigFaults, TemplateError)):
        render('{a: "{{ record.f() }}"}', f=print)
    with pytest.raises(TemplateError, match="cannot be sent"):
        render('{a: "{{ record.f }}"}', f=print)


def test_an_object_in_the_context_has_no_attributes() -> None:
    with pytest.raises(TemplateError, match="has no 'file'"):
        render('{a: "{{ record.o.file }}"}', o=ConfigFaults([]))


def test_text_of_a_record_is_never_read_as_a_template() -> None:
    evil = "{{ 7 * 7 }}{% for x in y %}"
    assert render('{a: "{{ record.x }}", b: "v={{ record.x }}"}', x=evil) == {"a": evil, "b": f"v={evil}"}


@pytest.mark.parametrize(
    "method", ["upper()", "lower()", "strip()", "split('-')[0]", "startswith('x')", "replace('x', 'y')"]
)
def test_harmless_methods_of_texts_may_be_called(method: str) -> None:
    assert value(f"record.x.{method}", x="x") in ("X", "x", True, "y")
