"""Paths with named segments; upper and lower case are equal, as recorded of the real services."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar
from urllib.parse import unquote

T = TypeVar("T", bound=Callable[..., Any])


class Routes(Generic[T]):
    """Table from "METHOD path/{segment}" to the operation."""

    def __init__(self, table: Mapping[str, T]) -> None:
        self._table = [(method, _pattern(path), operation) for method, path, operation in _split(table)]

    def find(self, method: str, path: str) -> tuple[T, dict[str, str]] | None:
        """Return the operation, and the segments by name."""
        for verb, pattern, operation in self._table:
            hit = pattern.fullmatch(path) if verb == method else None
            if hit:
                return operation, {name: unquote(value) for name, value in hit.groupdict().items()}
        return None

    def knows(self, path: str) -> bool:
        """Return True if some method is answered there."""
        return any(pattern.fullmatch(path) for _, pattern, _ in self._table)


def _split(table: Mapping[str, T]) -> list[tuple[str, str, T]]:
    return [(*line.split(" ", 1), operation) for line, operation in table.items()]  # type: ignore[misc]


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"{(\w+)}", path)
    text = "".join(f"(?P<{part}>[^/]+)" if at % 2 else re.escape(part) for at, part in enumerate(parts))
    return re.compile(text, re.IGNORECASE)
