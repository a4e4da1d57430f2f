"""Code list as the configuration declares it: where its rows are read, and which of their columns are stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adapters.messages import message
from engine.delivery.status import KEY_LENGTH
from engine.delivery.types import Signal
from engine.errors import AntarError
from engine.specs.optional_fields import Completion
from engine.specs.record_type import Column
from engine.specs.text import Text
from engine.specs.upstream import UpstreamSpec
from engine.templates.template import Template

SHARED = 0  # facility id of a copy that all facilities share


@dataclass(frozen=True, slots=True)
class Each:
    """The values that the reads of a code list are repeated over; if all fields are empty there is one read."""

    values: tuple[Any, ...] = ()
    days: int = 0  # today and the days after it, as YYYY-MM-DD in the facility's zone
    list: str | None = None  # the rows of another code list, each a mapping of its columns


@dataclass(frozen=True, slots=True)
class Changes:
    """Request for the rows that changed since the last read."""

    query: Template  # further parameters: context also has `since`, a date as YYYY-MM-DD
    full: float  # hours after which all rows are read again


@dataclass(frozen=True, slots=True)
class One:
    """Request for one row by its key: context is facility and key."""

    path: Template
    query: Template | None
    row: Template  # the row, null if there is none: context has `body`


@dataclass(frozen=True, slots=True)
class Reads:
    """Requests that read a code list from its upstream."""

    path: Template  # context: facility, each, start, limit, page
    query: Template | None
    rows: Template  # a list read from the answer: context has `body`
    # Number of rows on all pages; None: a page that is not full is the last.
    total: Template | None
    each: Each = Each()
    page_size: int | None = None  # rows per request; None: one request returns all
    base_path: str | None = None  # None: the base path of the upstream
    changes: Changes | None = None
    one: One | None = None


@dataclass(frozen=True, slots=True)
class Also:
    """Further rows derived from a row: the context of key and columns also has `item`."""

    each: Template | None  # a list, one row for each of its items; None: one row
    key: Template  # if it is empty, no row is made
    columns: Mapping[str, Template]  # the columns that differ from the row


@dataclass(frozen=True, slots=True)
class CodeList:
    """Reference data of an upstream, of which Antar stores a copy."""

    name: str
    label: Text
    group: Text
    upstream: UpstreamSpec
    source: Reads | Path  # the requests that read it, or the CSV file that contains it
    key: Template  # identifies a row: context has `row` and `each`
    columns: tuple[Column, ...]
    also: tuple[Also, ...] = ()
    # True: the row must no longer be used. Context has `row` and `each`.
    withdrawn: Template | None = None
    skip: Template | None = None  # True: the row is not stored
    shared: bool = False  # True: all facilities share one copy
    # A row as the upstream sends it; a field of the example that another row lacks is null in that row.
    example: Mapping[str, Any] | None = None
    completion: Completion = field(default_factory=Completion)
    # Hours after which the list is read again automatically; None: only on request.
    every: float | None = None
    description: str = ""
    order: tuple[str, ...] = ()  # beginnings of keys in the order of the panel; all other rows come last
    # Key of the row of `each.list` that a code belongs to, with which the codes of its rows begin: context is `key`.
    parent: Template | None = None
    # True: the upstream grants it apart from sending, so that its refusal says nothing about the account.
    separate: bool = False
    # Hours after a complete read for which a code that the copy does not have may be refused.
    trusted_hours: float = 0.0

    @property
    def read_for(self) -> str | None:
        """Name of the list whose rows the reads are repeated over."""
        return self.source.each.list if isinstance(self.source, Reads) else None

    @property
    def visible(self) -> tuple[Column, ...]:
        """Columns that the panel shows."""
        return tuple(column for column in self.columns if not column.hidden)

    @property
    def listed(self) -> tuple[Column, ...]:
        """Columns of the table of many rows."""
        return tuple(column for column in self.visible if not column.detail)

    def owner(self, facility_id: int) -> int:
        """Return the facility id under which the copy is stored."""
        return SHARED if self.shared else facility_id

    def cells(self, row: Any, each: Any, facility: Any) -> dict[str, Any]:
        """Return the columns of a row. Raises TemplateError."""
        scope = {"row": row, "each": each, "facility": facility}
        return {column.name: column.value.render(scope) for column in self.columns}


class NotReadable(AntarError):
    """A code list cannot be read; str() is a message for people, `signal` is the state of its channel."""

    def __init__(self, words: str, signal: Signal = Signal.GOOD, retry_after: float | None = None) -> None:
        super().__init__(words)
        self.signal = signal
        self.retry_after = retry_after


class NotAsked(NotReadable):
    """No request was sent, and none may be sent before `until` (epoch milliseconds)."""

    def __init__(self, words: str, until: int) -> None:
        super().__init__(words, Signal.NOTHING)
        self.until = until


@dataclass(frozen=True, slots=True)
class CodeListRow:
    """A row of a code list, as it is stored."""

    key: str
    content: Mapping[str, Any]
    withdrawn: bool = False  # the upstream still lists it, but it must no longer be used


def rows_of(code_list: CodeList, row: Any, each: Any, facility: Mapping[str, Any]) -> Iterator[CodeListRow]:
    """Return the rows to store for one row of the upstream, derived rows included. Raises AntarError."""
    row = code_list.completion(row)
    scope = {"row": row, "each": each, "facility": facility}
    if code_list.skip is not None and code_list.skip.render(scope):
        return
    withdrawn = code_list.withdrawn is not None and bool(code_list.withdrawn.render(scope))
    content = code_list.cells(row, each, facility)
    yield CodeListRow(_key(code_list.key.render(scope)), content, withdrawn)
    for also in code_list.also:
        yield from _also(also, scope, content)


def _also(also: Also, scope: Mapping[str, Any], content: Mapping[str, Any]) -> Iterator[CodeListRow]:
    for item in [None] if also.each is None else also.each.render(scope) or ():
        inner = scope if also.each is None else {**scope, "item": item}
        key = also.key.render(inner)
        if key not in (None, ""):
            yield CodeListRow(
                _key(key), {**content, **{name: value.render(inner) for name, value in also.columns.items()}}
            )


def _key(value: Any) -> str:
    key = str(value)
    if not 0 < len(key) <= KEY_LENGTH:
        raise NotReadable(message("list.row_key", key=repr(key[:40]), most=KEY_LENGTH))
    return key
