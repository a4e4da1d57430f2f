"""Lines of a JSON text on which its values begin, to mark the one that an upstream's answer names."""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_STEPS = 40  # of a path
_TOKEN = re.compile(r'"(?:\\.|[^"\\])*"|[{}\[\],:]|[^\s{}\[\],:"]+|\n')
_STEP = re.compile(r"[^.\[\]]+|\[\d+\]")

Path = tuple[str, ...]


def line_of(text: str, path: str) -> int:
    """Return the line of the value at a path such as `Visit.period[0].end`, else of its nearest parent; 0: none.

    A path may begin with a name for the whole, and may leave out the indexes of lists.
    """
    steps = tuple(step for step in _STEP.findall(path)[:MAX_STEPS] if step not in ("$", "#"))
    lines: dict[Path, int] = {}
    for place, line in _places(text):
        for name in {place, tuple(step for step in place if not step.startswith("["))}:
            lines.setdefault(name, line)
    for names in (steps, steps[1:]):
        for length in range(len(names), 0, -1):
            if line := lines.get(names[:length], 0):
                return line
    return 0


def _places(text: str) -> Iterator[tuple[Path, int]]:
    """Yield the path and the line of each member and element; of a broken text as many as can be read."""
    line, key, stack = 1, "", list[str | int]()
    for sign in (match[0] for match in _TOKEN.finditer(text)):
        if sign == "\n":
            line += 1
        elif sign in "}]":
            del stack[-1:]
        elif sign in "{[":
            stack.append("" if sign == "{" else 0)
            if sign == "[":
                yield _path(stack), line
        elif sign == "," and stack:
            stack[-1] = stack[-1] + 1 if isinstance(stack[-1], int) else ""
            if isinstance(stack[-1], int):
                yield _path(stack), line
        elif sign == ":" and stack:
            stack[-1] = key
            yield _path(stack), line
        elif sign.startswith('"'):
            key = sign[1:-1]


def _path(stack: list[str | int]) -> Path:
    return tuple(f"[{step}]" if isinstance(step, int) else step for step in stack)
