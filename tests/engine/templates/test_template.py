"""Payload trees: types of leaves, omitted values, directives, and names and places of errors."""

from __future__ import annotations

import copy
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.source.faults import ConfigFaults, Faults
from engine.templates.runtime import clean
from engine.templates.template import Compiler, TemplateError
from tests.engine.templates.trees import FACILITY, NAMES, node, render, tree, value

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def empties(value: Any) -> list[Any]:
    """Return every empty value in a finished tree."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [empty for item in inner for empty in ([item] if item in (None, "", {}, []) else empties(item))]


# types


@pytest.mark.parametrize("kept", ["3201010101010001", "1e5", "0012", "true", 0, 7, 1.5, False, True, ["a"], {"b": 1}])
def test_a_leaf_that_is_one_expression_keeps_its_type(kept: Any) -> None:
    result = render('{a: "{{ record.x }}"}', x=kept)["a"]
    assert (result, type(result)) == (kept, type(kept))


@pytest.mark.parametrize(
    ("given", "text"), [("x", "n=x"), (7, "n=7"), (1.5, "n=1.5"), (True, "n=true"), (False, "n=false")]
)
def test_text_around_an_expression_makes_a_text(given: Any, text: str) -> None:
    assert render('{a: "n={{ record.x }}"}', x=given) == {"a": text}


@pytest.mark.parametrize("wrong", [None, [1], {"a": 1}])
def test_no_null_list_or_mapping_slips_into_a_text(wrong: Any) -> None:
    with pytest.raises(TemplateError, match="inside a text"):
        render('{a: "Patient/{{ record.x }}"}', x=wrong)
    with pytest.raises(TemplateError, match="inside a text"):
        render("{a: \"{{ 'Patient/' ~ record.x }}\"}", x=wrong)


def test_white_space_around_one_expression_does_not_make_a_text() -> None:
    assert render("a: >\n  {{ record.x }}\n", x=5) == {"a": 5}


def test_plain_yaml_values_stay_what_they_are() -> None:
    assert render("{a: 010, b: no, c: 1, d: 1.5, e: true, f: 2026-01-01, g: 12:30, h: 1_000, i: 1e5}") == {
        **{"a": "010", "b": "no", "c": 1, "d": 1.5, "e": True},
        **{"f": "2026-01-01", "g": "12:30", "h": "1_000", "i": "1e5"},
    }


@given(JSON)
def test_any_value_passes_through_a_leaf_unchanged_but_for_what_is_empty(given: Any) -> None:
    assert render('{a: "{{ record.x }}", b: 1}', x=given) == (
        {"b": 1} | ({} if clean(given) is None else {"a": clean(given)})
    )


@given(st.text())
def test_a_text_is_never_taken_for_something_else(given: str) -> None:
    assert value("record.x", x=given) == given


# what is left out


def test_empty_parts_are_left_out_upwards_and_zero_and_false_stay() -> None:
    yaml = """
    a: {b: {c: "{{ record.none }}", d: ""}}
    e: [{f: "{{ record.empty }}"}, [null]]
    g: 0
    h: false
    i: "{{ record.zero }}"
    """
    assert render(yaml, none=None, empty="", zero=0) == {"g": 0, "h": False, "i": 0}


def test_nothing_left_of_the_whole_is_null() -> None:
    assert render('{a: ["{{ record.x }}"]}', x=None) is None


@given(JSON, JSON, st.booleans())
def test_nothing_empty_is_ever_rendered(one: Any, two: Any, keep: bool) -> None:
    yaml = """
    a: "{{ record.one }}"
    b: [{$if: "{{ record.keep }}", c: "{{ record.two }}"}, "{{ record.one }}", {d: ["{{ record.two }}"]}]
    e: {$for: "{{ [record.one, record.two] }}", $each: {f: "{{ item }}"}}
    g: {$value: "{{ record.two }}", $if: "{{ record.keep }}"}
    """
    result = render(yaml, one=one, two=two, keep=keep)
    assert result is None or (result and empties(result) == [])


@given(JSON)
def test_rendering_does_not_touch_the_record(given: Any) -> None:
    before = copy.deepcopy(given)
    render('{a: "{{ record.x }}"}', x=given)
    assert given == before


# what is kept though it is empty


@pytest.mark.parametrize("empty", [None, "", [], {}])
def test_keep_sends_a_leaf_as_it_is(empty: Any) -> None:
    result = render('{a: {$keep: "{{ record.x }}"}, b: "{{ record.x }}"}', x=empty)
    assert (result, type(result["a"])) == ({"a": empty}, type(empty))


@pytest.mark.parametrize("full", [0, False, "x", 1.5, ["a"], {"b": 1}])
def test_keep_changes_nothing_that_is_not_empty(full: Any) -> None:
    assert render('{a: {$keep: "{{ record.x }}"}}', x=full) == {"a": full}


def test_keep_takes_constants() -> None:
    assert render('{a: {$keep: null}, b: {$keep: ""}, c: [{$keep: null}, 1], d: {e: {$keep: 0}}}') == {
        **{"a": None, "b": "", "c": [None, 1], "d": {"e": 0}}
    }


def test_a_kept_mapping_or_list_of_which_nothing_is_left_is_null() -> None:
    yaml = """
    a: {$keep: {b: "{{ record.x }}"}}
    c: {$keep: ["{{ record.x }}"]}
    d: {$keep: {$if: "{{ record.x }}", e: 1}}
    f: {$keep: {$for: "{{ record.x }}", $each: 1}}
    g: {$keep: {$value: "{{ record.x }}"}}
    h: {$keep: {i: {$keep: "{{ record.x }}"}, j: "{{ record.x }}"}}
    """
    assert render(yaml, x=None) == {"a": None, "c": None, "d": None, "f": None, "g": None, "h": {"i": None}}
    assert render(yaml, x=[7])["d"] == {"e": 1}


@pytest.mark.parametrize("wrap", ["{}", "{{$value: {}}}", "{{$if: true, $value: {}}}"])
def test_a_condition_beside_keep_leaves_out_or_keeps(wrap: str) -> None:
    inner = '{$if: "{{ record.sent }}", $keep: "{{ record.x }}"}'
    yaml = "{a: " + wrap.format(inner) + ", b: 1}"
    assert render(yaml, sent=True, x=None) == {"a": None, "b": 1}
    assert render(yaml, sent=False, x=None) == {"b": 1}


def test_keep_around_a_condition_that_keeps_is_null_when_it_does_not_hold() -> None:
    yaml = '{a: {$keep: {$if: "{{ record.sent }}", $keep: "{{ record.x }}"}}}'
    assert render(yaml, sent=False, x="") == {"a": None}
    assert render(yaml, sent=True, x="") == {"a": ""}


def test_a_whole_that_is_left_out_is_null() -> None:
    assert render('{$if: "{{ record.sent }}", $keep: "{{ record.x }}"}', sent=False, x="") is None


def test_keep_comes_with_a_fragment_and_in_a_loop() -> None:
    fragments = {"both": '{a: {$keep: "{{ record.x }}"}}', "one": '{$keep: "{{ record.x }}"}'}
    assert render("{b: {$use: both}, c: {$use: one}}", fragments, x=None) == {"b": {"a": None}, "c": None}
    assert render('{$for: "{{ record.all }}", $each: {$keep: "{{ item }}"}}', all=[1, None, ""]) == [1, None, ""]


@pytest.mark.parametrize("yaml", ["{a: {$keep: 1, b: 2}}", '{a: {$keep: 1, $for: "{{ record.x }}", $each: 2}}'])
def test_keep_is_the_whole_value(yaml: str) -> None:
    with pytest.raises(ConfigFaults, match="stands beside"):
        tree(yaml)


def test_an_undefined_name_is_kept_by_nothing() -> None:
    with pytest.raises(TemplateError, match="'y' is undefined"):
        render('{a: {$keep: "{{ record.y }}"}}', x=1)


def test_a_kept_null_is_an_empty_parameter() -> None:
    parameters = tree('{a: {$keep: "{{ record.x }}"}, b: "{{ record.x }}", c: 1}').parameters({"record": {"x": None}})
    assert parameters == (("a", ""), ("c", "1"))


# directives


def test_if_keeps_or_drops_a_mapping() -> None:
    yaml = '{a: {$if: "{{ record.x }}", b: 1}, c: [{$if: "{{ not record.x }}", d: 1}, 2]}'
    assert render(yaml, x=True) == {"a": {"b": 1}, "c": [2]}
    assert render(yaml, x=False) == {"c": [{"d": 1}, 2]}


def test_what_stands_under_a_false_condition_is_not_rendered() -> None:
    assert render('{a: {$if: "{{ record.x }}", b: "{{ record.x.y }}"}, c: 1}', x=None) == {"c": 1}


def test_for_repeats_a_subtree_and_knows_where_it_is() -> None:
    yaml = """
    $for: "{{ record.all }}"
    $as: dx
    $each: {code: "{{ dx.code }}", n: "{{ loop.index }}", first: "{{ loop.first }}", last: "{{ loop.last }}"}
    """
    assert render(yaml, all=[{"code": "A"}, {"code": "B"}]) == [
        {"code": "A", "n": 1, "first": True, "last": False},
        {"code": "B", "n": 2, "first": False, "last": True},
    ]


def test_if_beside_for_asks_for_each_item() -> None:
    yaml = '{a: {$for: "{{ record.all }}", $if: "{{ item > 1 }}", $each: "{{ item }}"}}'
    assert render(yaml, all=[1, 2, 3]) == {"a": [2, 3]}


def test_for_over_null_is_an_empty_list() -> None:
    assert render('{a: {$for: "{{ record.all }}", $each: 1}, b: 2}', all=None) == {"b": 2}


def test_for_over_a_text_is_an_error() -> None:
    with pytest.raises(TemplateError, match=r"payload.a.\$for: \$for needs a list and was given a text"):
        render('{a: {$for: "{{ record.all }}", $each: 1}}', all="abc")


def test_for_inside_a_list_is_spliced() -> None:
    assert render('{a: [0, {$for: "{{ record.all }}", $each: "{{ item }}"}, 9]}', all=[1, 2]) == {"a": [0, 1, 2, 9]}


def test_loops_nest_and_the_inner_name_wins() -> None:
    yaml = '{$for: "{{ record.rows }}", $each: {$for: "{{ item }}", $each: "{{ item }}/{{ loop.index }}"}}'
    assert render(yaml, rows=[["a"], ["b", "c"]]) == [["a/1"], ["b/1", "c/2"]]


def test_use_inlines_a_fragment_and_other_keys_win() -> None:
    yaml = "{a: {$use: address, city: Solo, more: 1}}"
    assert render(yaml, {"address": '{city: "{{ record.city }}", zip: "{{ record.zip }}"}'}, zip="5", city="x") == {
        "a": {"city": "Solo", "more": 1, "zip": "5"}
    }


def test_conditions_of_fragment_and_place_must_both_hold() -> None:
    fragments = {"f": '{$if: "{{ record.x }}", v: 1}'}
    assert render('{a: {$use: f, $if: "{{ record.y }}"}}', fragments, x=True, y=True) == {"a": {"v": 1}}
    assert render('{a: {$use: f, $if: "{{ record.y }}"}}', fragments, x=False, y=True) is None
    assert render('{a: {$use: f, $if: "{{ record.y }}"}}', fragments, x=True, y=False) is None


def test_a_fragment_may_use_another_and_may_be_a_list() -> None:
    fragments = {"one": "{$use: two, a: 1}", "two": "{b: 2}", "codes": '["{{ record.x }}", 7]'}
    assert render("{x: {$use: one}, y: {$use: codes}}", fragments, x=5) == {"x": {"a": 1, "b": 2}, "y": [5, 7]}


def test_value_makes_a_conditional_scalar() -> None:
    yaml = '[{$value: "{{ record.x }}", $if: "{{ record.x > 1 }}"}, {$value: {a: 1}}]'
    assert render(yaml, x=1) == [{"a": 1}]
    assert render(yaml, x=2) == [2, {"a": 1}]


# names and places


def test_dict_keys_beat_dict_methods() -> None:
    assert render('{a: "{{ record.items }}", b: "{{ record.get.values }}"}', items=1, get={"values": 2}) == {
        "a": 1,
        "b": 2,
    }


def test_an_undefined_name_says_where_and_what_was_meant() -> None:
    with pytest.raises(TemplateError) as caught:
        render('a: 1\nb:\n  - c: "Visit/{{ record.visit_idd }}"\n', visit_id="V1")
    assert str(caught.value) == (
        "t.yaml:3:8: payload.b[0].c: 'visit_idd' is undefined in record; did you mean 'visit_id'?"
    )


@pytest.mark.parametrize(
    "expression",
    [
        "record.a.b.c",
        "record.nope == 1",
        "record.nope or 1",
        "not record.nope",
        "record.nope ~ 'x'",
        "[record.nope]",
        "{'a': record.nope}",
        "record.nope | upper",
        "1 if record.nope else 2",
        "record.list[7]",
        "record.empty | first",
        "[record.empty | first]",
        "record.things | map(attribute='nope') | list",
        "record.things | selectattr('nope', 'equalto', 1) | list",
    ],
)
def test_undefined_is_an_error_wherever_it_is(expression: str) -> None:
    with pytest.raises(TemplateError, match=r"undefined|null and has no|has no 7|has no attribute|No first item"):
        value(expression, a={"b": None}, list=[1], empty=[], things=[{"a": 1}])


def test_default_and_is_defined_work_on_what_is_not_there() -> None:
    assert value("record.x | default('y')") == "y"
    assert value("record.empty | first | default('y')", empty=[]) == "y"
    assert value("record.x is defined") is False
    assert value("record.x is undefined") is True


def test_default_replaces_null_too_and_with_true_what_is_empty() -> None:
    assert value("record.x | default('y')", x=None) == "y"
    assert value("record.x | default('y')", x="") == ""
    assert value("record.x | default('y', true)", x="") == "y"


def test_an_error_in_a_loop_names_the_leaf_of_the_loop() -> None:
    yaml = 'a:\n  $for: "{{ record.all }}"\n  $each:\n    x: 1\n    y: "{{ item.code }}"\n'
    with pytest.raises(TemplateError, match=r"t.yaml:5:8: payload.a.\$each.y: 'code' is undefined in item"):
        render(yaml, all=[{"code": 1}, {}])


def test_an_error_in_a_fragment_names_the_file_of_the_leaf_and_the_path_of_the_use() -> None:
    with pytest.raises(TemplateError, match=r"t.yaml:1:8: payload.a.city: 'city' is undefined in record"):
        render("{a: {$use: address}}", {"address": '{city: "{{ record.city }}"}'})


def test_an_error_in_a_filter_of_the_upstream_names_the_leaf_and_the_filter() -> None:
    with pytest.raises(TemplateError, match=r"t.yaml:1:5: payload.a: in filter 'system': null inside a text"):
        render('{a: "{{ record.x | system }}"}', x=None)


def test_a_filter_of_the_upstream_sees_the_facility() -> None:
    assert render('{a: "{{ \'encounter\' | system }}", b: "{{ ucum }}"}') == {
        "a": "http://ids/encounter/1000",
        "b": "http://ucum",
    }


def test_a_missing_name_of_the_context_is_named() -> None:
    with pytest.raises(TemplateError, match="'needs' is undefined"):
        tree('{a: "{{ needs.x }}"}').render({"record": {}, "facility": FACILITY})


def test_values_in_a_path_are_encoded_and_never_empty() -> None:
    template = Compiler(Faults()).path(node('"/Visit/{{ record.x }}/y"'), "path", NAMES)
    assert template.render({"record": {"x": "a/../b?c=d é"}}) == "/Visit/a%2F..%2Fb%3Fc%3Dd%20%C3%A9/y"
    for wrong in ("", "..", None):
        with pytest.raises(TemplateError, match="inside a"):
            template.render({"record": {"x": wrong}})


@given(st.text(min_size=1).filter(lambda text: text not in (".", "..")))
def test_no_value_leads_a_path_elsewhere(given: str) -> None:
    template = Compiler(Faults()).path(node('"/Visit/{{ record.x }}/y"'), "path", NAMES)
    path = template.render({"record": {"x": given}})
    assert unquote(path.split("/")[2]) == given
    assert (path.count("/"), path.isascii(), {"?", "#", " ", "\n"} & set(path)) == (3, True, set())


def test_many_loops_in_each_other_are_refused_and_not_a_crash() -> None:
    with pytest.raises(ConfigFaults, match=r"more than 15 \$for"):
        tree('{$for: "{{ record.x }}", $each: ' * 16 + "1" + "}" * 16)


def test_a_deeply_nested_expression_is_refused_and_not_a_crash() -> None:
    with pytest.raises(ConfigFaults, match="nested too deeply"):
        tree('{a: "{{ ' + "(" * 2000 + "1" + ")" * 2000 + ' }}"}')


def test_a_constant_that_is_a_mapping_can_be_looked_up_in() -> None:
    units = {"units": {"tablet": {"code": "TAB"}}}
    template = Compiler(Faults(), units).expression(node('"{{ units[record.x].code }}"'), "path", NAMES)
    assert template is not None
    assert template.render({"record": {"x": "tablet"}}) == "TAB"
