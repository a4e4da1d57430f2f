"""Paths with named segments; as far as recorded they do not mind upper or lower case (reference bpjs 1.1)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar
from urllib.parse import unquote

T = TypeVar("T", bound=Callable[..., Any])


class Routes(Generic[T]):
    """From "METHOD path/{segment}" to what answers it."""

    def __init__(self, table: Mapping[str, T]) -> None:
        self._table = [(method, _pattern(path), does) for method, path, does in _split(table)]

    def find(self, method: str, path: str) -> tuple[T, dict[str, str]] | None:
        """What answers, and the segments by name."""
        for wanted, pattern, does in self._table:
            hit = pattern.fullmatch(path) if wanted == method else None
            if hit:
                return does, {name: unquote(value) for name, value in hit.groupdict().items()}
        return None

    def knows(self, path: str) -> bool:
        """Whether some method answers there."""
        return any(pattern.fullmatch(path) for _, pattern, _ in self._table)


def _split(table: Mapping[str, T]) -> list[tuple[str, str, T]]:
    return [(*line.split(" ", 1), does) for line, does in table.items()]  # type: ignore[misc]


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"{(\w+)}", path)
    text = "".join(f"(?P<{part}>[^/]+)" if at % 2 else re.escape(part) for at, part in enumerate(parts))
    return re.compile(text, re.IGNORECASE)
