"""What a YAML entry is, once believed: typed, compiled, frozen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from msgspec import Struct

from adapters.outcome_rules import OutcomeRule
from engine.source.faults import Source
from engine.specs.optional_fields import Completion
from engine.specs.upstream import Retention, Retry, UpstreamSpec
from engine.templates.template import Template

Operation = Literal["create", "update"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The request that creates (or deletes): context is record, needs, facility, operation, tables."""

    method: str
    path: Template
    query: Template | None
    # The upstream's id for the record, read from the answer: context also has `body`.
    reference: Template
    content_type: str | None = None
    repeatable: bool = False  # sending it twice leaves the upstream as sending it once


@dataclass(frozen=True, slots=True)
class Update:
    """The request that replaces what was created: context also has `reference`."""

    method: str
    path: Template
    query: Template | None
    payload: Template | None  # None: the entry's payload
    # True: the create is only the first step, an update is due as soon as it is accepted.
    after_create: Template | None
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class Find:
    """How to look whether a record already arrived. Without an endpoint it is all that is done."""

    # before: asked ahead of every first create; unsure: only when it may have arrived.
    when: Literal["before", "unsure"]
    path: Template
    query: Template | None
    candidates: Template  # a list read from the answer: context has `body`
    # True, false, or null where it cannot be told: context also has `candidate`. None: every one.
    match: Template | None
    reference: Template  # the id of the one that matches: context has `candidate`
    # The address of the next page, of which only the query is used; empty on the last.
    next: Template | None
    # Rows asked for at once: path and query also have `start`, `limit` and `page`.
    page_size: int | None = None
    # How many rows there are on all pages: context has `body`. Fewer than that prove nothing.
    total: Template | None = None

    def paging(self, offset: int = 0) -> dict[str, int]:
        """What path and query also see of the page that begins after so many rows."""
        if self.page_size is None:
            return {}
        return {"start": offset, "limit": self.page_size, "page": offset // self.page_size + 1}


class Known(Struct, frozen=True):
    """A reference that is known; of a mapping the code, with its row."""

    reference: str
    row: Mapping[str, Any] = {}


Where = Mapping[str, frozenset[Any]]  # columns of a code list, each with the values that will do


def fits(row: Mapping[str, Any], where: Where) -> bool:
    """Whether a row has one of the values in each of the columns."""
    return all(row.get(name) in values for name, values in where.items())


@dataclass(frozen=True, slots=True)
class Accept:
    """Which codes of a mapping will do."""

    where: Where
    reason: str  # what another code is told by


@dataclass(frozen=True, slots=True)
class Need:
    """Another delivery whose reference the payload uses, or a mapped item whose code it uses."""

    name: str
    # Of the delivery, any of which will do; with a mapping the type under which its items are handed in.
    specs: tuple[str, ...]
    key: Template  # an empty key: the record needs nothing here and `needs.<name>` is null
    # A list of items, one need for each; the key sees the item under `item_name`.
    each: Template | None = None
    item_name: str = "item"
    when: Template | None = None
    operation: Operation | None = None  # None: needed for both
    undo: bool = False  # the record takes the needed one back
    mapping: str | None = None
    accept: Accept | None = None  # None: any code of the mapping
    example: Known | None = None  # a code of the mapping, for the entry's own examples

    def accepts(self, known: Known) -> bool:
        """Whether a reference will do."""
        return self.accept is None or fits(known.row, self.accept.where)


@dataclass(frozen=True, slots=True)
class Code:
    """A code of the record that should be in a code list."""

    name: str
    list: str
    key: Template  # key of the row; an empty one names no code
    # A list of items, one code for each; the key sees the item as `item`.
    each: Template | None = None


@dataclass(frozen=True, slots=True)
class Correction:
    """What earlier versions of an entry sent wrongly; what the upstream holds of them is offered for sending again."""

    name: str
    title: Mapping[str, str]  # language -> what was wrong, in a few words
    reason: Mapping[str, str]  # language -> what it means and what sending again changes
    # Whether it concerns a record: context is record, needs, facility, reference, tables. None: every record.
    when: Template | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the monitoring table."""

    name: str
    label: str
    value: Template
    filter: bool = False
    hidden: bool = False  # it is kept for templates and shown to nobody


@dataclass(frozen=True, slots=True)
class Spec:
    """One resource type or job type."""

    name: str
    label: str
    group: str
    upstream: UpstreamSpec
    source: Source
    hash: str  # content hash of the entry with all it inherits; stored with every attempt
    key: Template
    date: Template
    # Records of equal value are sent one after the other; None: in any order.
    sequence: Template | None
    patient_norm: Template | None
    patient_name: Template | None
    record_schema: Mapping[str, Any]
    # Makes null of what the schema declares and a record leaves out; see engine.specs.context.
    completion: Completion
    columns: tuple[Column, ...]
    example: Mapping[str, Any]
    payload: Template | None
    endpoint: Endpoint | None
    update: Update | None
    find: Find | None
    needs: tuple[Need, ...] = ()
    codes: tuple[Code, ...] = ()
    corrections: tuple[Correction, ...] = ()
    # Further records by name: each is rendered and checked by the tests.
    examples: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tables: Mapping[str, Any] = field(default_factory=dict)
    outcomes: tuple[OutcomeRule, ...] = ()
    retry: Retry = field(default_factory=Retry)
    retention: Retention = field(default_factory=Retention)
    icon: str = "file"
    description: str = ""
    foundation: bool = False
    check: bool = True  # whether the adapter's pre-flight check looks at the payload

    def needs_for(self, operation: Operation) -> tuple[Need, ...]:
        """What must have been sent before this operation."""
        return tuple(need for need in self.needs if need.operation in (None, operation))

    def operation_for(self, reference: str | None) -> Operation:
        """A lookup is always done anew; anything else with a reference is changed, not created again."""
        return "update" if reference is not None and self.endpoint is not None else "create"

    def payload_for(self, operation: Operation) -> Template | None:
        """What is sent; None: nothing but a question."""
        return (self.update.payload if operation == "update" and self.update else None) or self.payload
