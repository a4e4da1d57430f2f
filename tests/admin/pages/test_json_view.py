"""JSON view of bodies: exact, folded, harmless, comparable."""

from __future__ import annotations

import time

import pytest

from admin.pages.shared.diff import MAX_LINES, DiffLine, differences
from admin.pages.shared.json_view import MAX_JSON_BYTES, MAX_VALUES, Folded, JsonNode, duplicate_keys, folded, pretty


def text_of(node: JsonNode) -> str:
    inside = "".join(text_of(child) for child in node.children)
    return f"{node.key}{': ' if node.key else ''}{node.text}{inside}{node.closing}"


def test_the_texts_of_the_tree_are_the_json_again_with_its_numbers_as_written() -> None:
    body = b'{"a": 1.00, "big": 12345678901234567890, "b": [1, {"c": "x", "c": null}, [], {}], "d": true}'
    tree = folded(body, str).tree
    assert tree is not None
    assert text_of(tree).replace(" ", "") == body.decode().replace(" ", "")


def test_a_tree_says_what_its_values_are() -> None:
    tree = folded(b'{"a": 1, "b": "x", "c": null}', str).tree
    assert tree is not None
    assert [child.kind for child in tree.children] == ["number", "string", "literal"]


def test_a_long_body_is_folded_and_a_short_one_open() -> None:
    short, long = (
        folded(b'{"a": {"b": {"c": {}, "d": [1]}}}', str).tree,
        folded(b"[[[" + b"1," * 500 + b"1]]]", str).tree,
    )
    assert short is not None
    assert long is not None
    assert (short.children[0].children[0].open, long.children[0].open, long.children[0].children[0].open) == (
        True,
        True,
        False,
    )


@pytest.mark.parametrize(
    "body",
    [b"<html>502</html>", b"[" * 50_000, b"[" * 60 + b"]" * 60, b"\xff\xfe", b'"' + b"x" * MAX_JSON_BYTES + b'"'],
)
def test_what_is_no_json_too_deep_or_too_long_is_shown_as_text(body: bytes) -> None:
    view = folded(body, str)
    assert view.tree is None
    assert view.text == body.decode("utf-8", "replace")[:MAX_JSON_BYTES]


def test_half_a_character_can_be_shown() -> None:
    assert pretty('["\\ud800"]').encode() == b'[\n  "\\ud800"\n]'


def test_keys_that_stand_twice_are_named() -> None:
    assert duplicate_keys('{"a": 1, "b": [{"c": 1, "c": 2}], "a": 2}') == ["a", "c"]


def test_differences_show_a_little_around_them_and_count_the_rest() -> None:
    before = [str(n) for n in range(20)]
    after = [*before[:10], "neu", *before[11:]]
    lines = differences("\n".join(before), "\n".join(after))
    assert lines is not None
    assert (lines[0], lines[-1]) == (DiffLine("gap", "7"), DiffLine("gap", "6"))
    assert DiffLine("gone", "10") in lines
    assert DiffLine("new", "neu") in lines


def test_equal_texts_differ_in_nothing_and_huge_ones_are_not_compared() -> None:
    assert differences("a\nb", "a\nb") == []
    assert differences("\n" * 10_000, "a") is None


def test_a_tree_of_too_many_values_is_shown_as_text() -> None:
    body = b"[" + b",".join([b"1"] * MAX_VALUES) + b"]"
    assert folded(body, str) == Folded(None, body.decode())


def test_lines_that_stand_everywhere_cost_little() -> None:
    before, after = ["same"] * MAX_LINES, ["same"] * (MAX_LINES - 1) + ["other"]
    started = time.thread_time()
    lines = differences("\n".join(before), "\n".join(after))
    assert lines
    assert {("gone", "same"), ("new", "other")} <= {(line.kind, line.text) for line in lines}
    assert time.thread_time() - started < 0.5
