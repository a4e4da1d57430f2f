"""What is kept of the rows of a code list as its upstream tells them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.code_list import Also, CodeList
from engine.delivery.status import KEY_LENGTH
from engine.delivery.types import Signal
from engine.errors import AntarError


class NotReadable(AntarError):
    """Why a code list cannot be read, in words for a person; `signal` is what that says of its channel."""

    def __init__(self, message: str, signal: Signal = Signal.GOOD, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.signal = signal
        self.retry_after = retry_after


class NotAsked(NotReadable):
    """Nothing was asked, and nothing is to be before `until` (epoch milliseconds)."""

    def __init__(self, message: str, until: int) -> None:
        super().__init__(message, Signal.NOTHING)
        self.until = until


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it was read."""

    key: str
    content: Mapping[str, Any]
    withdrawn: bool = False
    """It is there, but must not be used any more."""


def rows_of(code_list: CodeList, row: Any, each: Any, facility: Mapping[str, Any]) -> Iterator[Row]:
    """What is kept of one row as it is told, and what it also holds. Raises AntarError."""
    row = code_list.completion(row)
    scope = {"row": row, "each": each, "facility": facility}
    if code_list.skip is not None and code_list.skip.render(scope):
        return
    withdrawn = code_list.withdrawn is not None and bool(code_list.withdrawn.render(scope))
    content = code_list.shown(row, each, facility)
    yield Row(_key(code_list.key.render(scope)), content, withdrawn)
    for also in code_list.also:
        yield from _also(also, scope, content)


def _also(also: Also, scope: Mapping[str, Any], content: Mapping[str, Any]) -> Iterator[Row]:
    for item in [None] if also.each is None else also.each.render(scope) or ():
        inner = scope if also.each is None else {**scope, "item": item}
        key = also.key.render(inner)
        if key not in (None, ""):
            yield Row(_key(key), {**content, **{name: value.render(inner) for name, value in also.columns.items()}})


def _key(value: Any) -> str:
    key = str(value)
    if not 0 < len(key) <= KEY_LENGTH:
        raise NotReadable(f"Kunci baris {key[:40]!r} kosong atau lebih dari {KEY_LENGTH} karakter.")
    return key
