"""A code list as the YAML says it, once believed: where it is read, and what of it is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.delivery.status import KEY_LENGTH
from engine.delivery.types import Signal
from engine.errors import AntarError
from engine.specs.optional_fields import Completion
from engine.specs.record_type import Column
from engine.specs.upstream import UpstreamSpec
from engine.templates.template import Template

SHARED = 0  # stands for all facilities


@dataclass(frozen=True, slots=True)
class Each:
    """What the reads of a code list are repeated over; all empty: one read."""

    values: tuple[Any, ...] = ()
    days: int = 0  # today and the days after it, as YYYY-MM-DD in the facility's zone
    list: str | None = None  # the rows of another code list, each a mapping of its columns


@dataclass(frozen=True, slots=True)
class Changes:
    """How only what changed is asked for."""

    query: Template  # further parameters: context also has `since`, a date as YYYY-MM-DD
    full: float  # hours after which all is read again


@dataclass(frozen=True, slots=True)
class One:
    """How one row is asked for by its key: context is facility and key."""

    path: Template
    query: Template | None
    row: Template  # the row, null if there is none: context has `body`


@dataclass(frozen=True, slots=True)
class Reads:
    """How a code list is read from its upstream."""

    path: Template  # context: facility, each, start, limit, page
    query: Template | None
    rows: Template  # a list read from the answer: context has `body`
    # How many rows there are on all pages; None: a page that is not full is the last.
    total: Template | None
    each: Each = Each()
    page_size: int | None = None  # rows asked for at once; None: all come together
    base_path: str | None = None  # None: the upstream's
    changes: Changes | None = None
    one: One | None = None


@dataclass(frozen=True, slots=True)
class Also:
    """Further rows that are made of a row: context of key and columns also has `item`."""

    each: Template | None  # a list, one row for each of its items; None: one row
    key: Template  # empty: none is made
    columns: Mapping[str, Template]  # what differs from the row


@dataclass(frozen=True, slots=True)
class CodeList:
    """Reference data of an upstream, kept as a copy: how it is read, and what of it."""

    name: str
    label: str
    group: str
    upstream: UpstreamSpec
    source: Reads | Path  # where it is read, or the CSV file that holds it
    key: Template  # what makes a row the same row: context has `row` and `each`
    columns: tuple[Column, ...]
    also: tuple[Also, ...] = ()
    # True: the row must not be used any more: context has `row` and `each`.
    withdrawn: Template | None = None
    skip: Template | None = None  # True: the row is not kept
    shared: bool = False  # one copy for all facilities
    # A row as the upstream tells it; what it has and another row lacks is null there.
    example: Mapping[str, Any] | None = None
    completion: Completion = field(default_factory=Completion)
    # Hours after which it is read again by itself; None: only when asked.
    every: float | None = None
    description: str = ""

    @property
    def read_for(self) -> str | None:
        """The list whose rows its reads are repeated over."""
        return self.source.each.list if isinstance(self.source, Reads) else None

    @property
    def visible(self) -> tuple[Column, ...]:
        """The columns that people see."""
        return tuple(column for column in self.columns if not column.hidden)

    def owner(self, facility_id: int) -> int:
        """Under which facility's id its copy is kept."""
        return SHARED if self.shared else facility_id

    def shown(self, row: Any, each: Any, facility: Any) -> dict[str, Any]:
        """The columns of a row. Raises TemplateError."""
        scope = {"row": row, "each": each, "facility": facility}
        return {column.name: column.value.render(scope) for column in self.columns}


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
    withdrawn: bool = False  # it is there, but must not be used any more


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
