"""Lines of values in a JSON text, found by the paths that upstreams name."""

from __future__ import annotations

import pytest

from admin.pages.deliveries.json_lines import line_of

TEXT = """{
  "resourceType": "Visit",
  "period": [
    {"start": "a"},
    {
      "end": "x: [y], {z}"
    }
  ],
  "value": {
    "code": "bpm"
  }
}"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("Visit.value.code", 10),
        ("value.code", 10),
        ("$.period[1].end", 6),
        ("Visit.period.start", 4),
        ("Visit.value.unit", 9),  # missing: its parent
        ("period[0]", 3),
        ("Visit.other", 0),
        ("", 0),
        ("[[[", 0),
    ],
)
def test_the_line_of_a_value(path: str, line: int) -> None:
    assert line_of(TEXT, path) == line


@pytest.mark.parametrize("text", ["", "}]}]", '{"a": [', '"', "[1, 2", '{"a": }'])
def test_a_broken_text_is_read_as_far_as_it_goes(text: str) -> None:
    assert line_of(text, "a.b") in (0, 1)
