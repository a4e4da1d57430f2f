"""JSON Patch by RFC 6902, without the platform's own limits."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.satusehat.resources.patch import PatchFailed, apply_patch


@pytest.mark.parametrize(
    ("operation", "result"),
    [
        ({"op": "add", "path": "/c", "value": 3}, {"a": [1, 2], "b": {"x/y": 1}, "c": 3}),
        ({"op": "add", "path": "/a/-", "value": 3}, {"a": [1, 2, 3], "b": {"x/y": 1}}),
        ({"op": "add", "path": "/a/0", "value": 0}, {"a": [0, 1, 2], "b": {"x/y": 1}}),
        ({"op": "replace", "path": "/a/1", "value": 9}, {"a": [1, 9], "b": {"x/y": 1}}),
        ({"op": "replace", "path": "/b/x~1y", "value": 9}, {"a": [1, 2], "b": {"x/y": 9}}),
        ({"op": "remove", "path": "/b"}, {"a": [1, 2]}),
        ({"op": "move", "from": "/a/0", "path": "/c"}, {"a": [2], "b": {"x/y": 1}, "c": 1}),
        ({"op": "copy", "from": "/a", "path": "/b/z"}, {"a": [1, 2], "b": {"x/y": 1, "z": [1, 2]}}),
        ({"op": "test", "path": "/a", "value": [1, 2]}, {"a": [1, 2], "b": {"x/y": 1}}),
    ],
)
def test_an_operation_does_what_it_says(operation: dict[str, Any], result: Any) -> None:
    document = {"a": [1, 2], "b": {"x/y": 1}}
    assert apply_patch(document, [operation]) == result
    assert document == {"a": [1, 2], "b": {"x/y": 1}}


@pytest.mark.parametrize(
    "operations",
    [
        {"op": "remove", "path": "/a"},
        ["remove"],
        [{"op": "remove", "path": "/nothing"}],
        [{"op": "replace", "path": "/nothing", "value": 1}],
        [{"op": "add", "path": "/a/7", "value": 1}],
        [{"op": "add", "path": "a", "value": 1}],
        [{"op": "add", "path": "/a/0/b", "value": 1}],
        [{"op": "replace", "path": "/a"}],
        [{"op": "test", "path": "/a", "value": [2, 1]}],
        [{"op": "burn", "path": "/a"}],
    ],
)
def test_what_cannot_be_done_fails(operations: Any) -> None:
    with pytest.raises(PatchFailed):
        apply_patch({"a": [1, 2]}, operations)
