"""JMESPaths that are read from answers: the shortcut gives what jmespath gives, whatever the answer."""

from __future__ import annotations

from typing import Any

import jmespath
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from jmespath.exceptions import JMESPathError

from adapters.json_path import JsonPath, compile_path

NAMES = st.sampled_from("abc")
SCALARS = st.none() | st.booleans() | st.integers(-1, 2) | st.sampled_from(["", "a", "b"])
CONTENTS = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner))
LEAVES = st.sampled_from(["a", "b", "c", "@", "*", "'a'", "`0`", "`false`", "`[]`"])
ONE = ["({0}).a", "({0}).*", "!({0})", "({0})[]", "({0})[0]", "({0})[:2]", "({0})[*].b", "[{0}]", "{{x: {0}}}"]
ONE += ["length({0})", "keys({0})", "sort_by({0}, &a)", "map(&b, {0})", "contains({0}, 'a')"]
TWO = ["({0}) || ({1})", "({0}) && ({1})", "({0}) == ({1})", "({0}) < ({1})", "({0}) | ({1})", "({0})[?{1}]"]
TWO += ["({0}).[a, {1}]", "[{0}, {1}]", "{{x: {0}, y: {1}}}", "not_null({0}, {1})"]


def composed(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    one = st.builds(str.format, st.sampled_from(ONE), inner)
    return one | st.builds(str.format, st.sampled_from(TWO), inner, inner)


EXPRESSIONS = st.recursive(LEAVES, composed, max_leaves=5)
# Objects with fields of which most paths name none.
OBJECTS = st.dictionaries(st.sampled_from("cde"), CONTENTS)


@given(EXPRESSIONS, CONTENTS | OBJECTS)
def test_a_path_reads_what_jmespath_reads(expression: str, content: Any) -> None:
    try:
        result = jmespath.search(expression, content)
    except JMESPathError:
        result = None
    except TypeError:  # of jmespath itself, when it orders a text and a number
        assume(False)
    assert repr(compile_path(expression).read(content)) == repr(result)


@pytest.mark.parametrize(
    "expression",
    [
        "issue[?code=='suppressed']",
        "success==`false`",
        "issue[].join(': ', [details.text, diagnostics][?@]) || message || fault.faultstring",
        "contains(fault.detail || '', 'x')",
    ],
)
def test_an_answer_without_the_fields_of_a_path_is_evaluated_once(
    expression: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = compile_path(expression)
    path.read({"resourceType": "Encounter"})
    monkeypatch.setattr(JsonPath, "_evaluate", None)
    path.read({"resourceType": "Patient"})


@pytest.mark.parametrize(
    ("expression", "result"),
    [("@", {"d": 1}), ("a || @", {"d": 1}), ("keys(@)", ["d"]), ("length(@)", 1), ("*", [1]), ("a == `1` || *", [1])],
)
def test_a_path_that_takes_the_whole_answer_reads_every_field(expression: str, result: Any) -> None:
    assert compile_path(expression).read({"d": 1}) == result
