"""Record type as the configuration declares it: an entry of the YAML, typed, compiled and immutable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from msgspec import Struct

from adapters.outcome_rules import OutcomeRule
from engine.source.faults import Source
from engine.specs.entry_test import EntryTest
from engine.specs.masked_fields import Place, identifiers_at
from engine.specs.optional_fields import Completion
from engine.specs.text import Text
from engine.specs.upstream import Retention, Retry, UpstreamSpec
from engine.specs.withdrawal import Withdrawal
from engine.templates.template import Template

Operation = Literal["create", "update"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The request that creates (or deletes). Its templates see record, needs, facility, operation, tables."""

    method: str
    path: Template
    query: Template | None
    # The upstream's id of the record, read from the answer: context also has `body`.
    reference: Template
    content_type: str | None = None
    repeatable: bool = False  # True: the request is idempotent


@dataclass(frozen=True, slots=True)
class Update:
    """The request that replaces a record that was created: context also has `reference`."""

    method: str
    path: Template
    query: Template | None
    payload: Template | None  # None: the entry's payload
    # True: the create is only the first step; an update becomes due as soon as the create is accepted.
    after_create: Template | None
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class Find:
    """The request that looks for a record that may have arrived. In an entry without an endpoint it is the only one."""

    # before: sent ahead of every first create; unsure: sent only if the record may have arrived.
    when: Literal["before", "unsure"]
    path: Template
    query: Template | None
    candidates: Template  # a list read from the answer: context has `body`
    # True, false, or null if that cannot be decided: context also has `candidate`. None: every candidate matches.
    match: Template | None
    reference: Template  # the id of the candidate that matches: context has `candidate`
    # Address of the next page, of which only the query is used; empty on the last page.
    next: Template | None
    # Rows per request: path and query also have `start`, `limit` and `page`.
    page_size: int | None = None
    # Number of rows on all pages: context has `body`. If fewer rows were read, the search is inconclusive.
    total: Template | None = None
    base_path: str | None = None  # None: that of the upstream

    def paging(self, offset: int = 0) -> dict[str, int]:
        """Return the names that path and query also see of the page that begins at the offset."""
        if self.page_size is None:
            return {}
        return {"start": offset, "limit": self.page_size, "page": offset // self.page_size + 1}


class Reference(Struct, frozen=True):
    """The upstream's id of a needed delivery; for a mapped item it is the code, with the row of the code list."""

    reference: str
    row: Mapping[str, Any] = {}


Where = Mapping[str, frozenset[Any]]  # columns of a code list, each with the accepted values


def fits(row: Mapping[str, Any], where: Where) -> bool:
    """Tell if a row has one of the accepted values in each of the columns."""
    return all(row.get(name) in values for name, values in where.items())


@dataclass(frozen=True, slots=True)
class Accept:
    """The codes of a mapping that a need accepts."""

    where: Where
    reason: Text  # message for any other code


@dataclass(frozen=True, slots=True)
class Need:
    """Another delivery whose reference the payload uses, or a mapped item whose code it uses."""

    name: str
    # Types of the needed delivery, any of which is accepted; with a mapping, the type of its items.
    specs: tuple[str, ...]
    key: Template  # if it is empty, nothing is needed and `needs.<name>` is null
    # A list of items, each with a need of its own; the key sees the item as `item_name`.
    each: Template | None = None
    item_name: str = "item"
    when: Template | None = None
    operation: Operation | None = None  # None: needed for both operations
    undo: bool = False  # True: the record cancels the needed one
    mapping: str | None = None
    accept: Accept | None = None  # None: any code of the mapping is accepted
    example: Reference | None = None  # a code of the mapping, for the entry's own examples

    def accepts(self, reference: Reference) -> bool:
        """Tell if the need accepts a reference."""
        return self.accept is None or fits(reference.row, self.accept.where)


@dataclass(frozen=True, slots=True)
class Code:
    """A code of the record that should be in a code list."""

    name: str
    list: str
    key: Template  # key of the row; if it is empty, there is no code
    # A list of items, each with a code; key and refuse_at see the item as `item` and its place as `index`.
    each: Template | None = None
    # Path of the code below the record, if a record whose code the list does not have is refused; None: only a warning.
    refuse_at: Template | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """A condition under which a record is refused, or taken with a warning."""

    name: str
    at: Template  # path of the part that is wrong, below the record
    when: Template  # True: the record is refused or warned about
    refuse: bool  # False: the record is taken, and the text is a warning
    id: Template  # the text in Indonesian
    en: Template  # the text in English
    # A list of items, each checked on its own; the other templates see the item as `item` and its place as `index`.
    each: Template | None = None


@dataclass(frozen=True, slots=True)
class Correction:
    """An error in what earlier versions of an entry sent; the panel offers to send those records again."""

    name: str
    title: Text  # the error in a few words
    reason: Text  # its meaning, and the effect of sending again
    # True: the record is affected. Context is record, needs, facility, reference, tables. None: every record.
    when: Template | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the monitoring table."""

    name: str
    label: Text
    value: Template
    filter: bool = False
    hidden: bool = False  # True: stored for templates, never shown
    masked: bool = False  # True: its expression masks an identifier, which no index has
    words: Mapping[str, Text] = field(default_factory=dict)  # value, in Indonesian -> the value in both languages
    detail: bool = False  # True: of a code list, shown with a single code and not in the list

    def word(self, value: Any) -> Text | None:
        """Return a value in both languages; None if it is not one of the column's words."""
        return self.words.get(str(value)) if self.words else None


@dataclass(frozen=True, slots=True)
class PatientNumber:
    """A number by which the panel finds a patient; stored as a keyed hash, shown masked."""

    name: str
    label: Text
    value: Template


# Without slots: the cached properties are computed once for a type, and asked for with every delivery.
@dataclass(frozen=True)
class Spec:
    """One resource type or job type."""

    name: str
    label: Text
    group: Text
    upstream: UpstreamSpec
    source: Source
    hash: str  # of the entry and all it inherits; stored with every attempt
    key: Template
    date: Template
    # Records with the same value are sent one after the other; None: in any order.
    sequence: Template | None
    # Key of the visit that a record belongs to; None: the type does not belong to visits.
    visit: Template | None
    patient_norm: Template | None
    patient_name: Template | None
    patient_birth_date: Template | None
    patient_numbers: tuple[PatientNumber, ...]
    record_schema: Mapping[str, Any]
    masked: frozenset[Place]  # of identifiers of people that no pattern recognises
    # Sets declared fields that a record leaves out to null; see engine.specs.context.
    completion: Completion
    columns: tuple[Column, ...]
    example: Mapping[str, Any]
    payload: Template | None
    endpoint: Endpoint | None
    update: Update | None
    find: Find | None
    needs: tuple[Need, ...]
    codes: tuple[Code, ...]
    checks: tuple[Check, ...]
    corrections: tuple[Correction, ...]
    withdrawal: Withdrawal | None  # None: what was sent cannot be taken back
    # Further example records by name; each is rendered and checked when the configuration is loaded.
    examples: Mapping[str, Mapping[str, Any]]
    tables: Mapping[str, Any]
    outcomes: tuple[OutcomeRule, ...]
    retry: Retry
    retention: Retention
    base_path: str | None  # of its requests; None: that of the upstream
    icon: str
    description: str
    foundation: bool
    check: bool  # True: the adapter's pre-flight check examines the payload
    tests: tuple[EntryTest, ...]

    @property
    def path(self) -> str:
        """Return method and path of its first request as the entry writes them, e.g. POST /visits."""
        if self.endpoint is not None:
            return f"{self.endpoint.method} {self.endpoint.path.text}"
        return f"GET {self.find.path.text}" if self.find is not None else ""

    def needs_for(self, operation: Operation) -> tuple[Need, ...]:
        """Return the needs that must have been sent before this operation."""
        return self._needs_by_operation[operation]

    @cached_property
    def _needs_by_operation(self) -> Mapping[Operation, tuple[Need, ...]]:
        operations: tuple[Operation, ...] = ("create", "update")
        return {name: tuple(need for need in self.needs if need.operation in (None, name)) for name in operations}

    @cached_property
    def undo_needs(self) -> tuple[Need, ...]:
        """Return the needs whose records it cancels."""
        return tuple(need for need in self.needs if need.undo)

    @cached_property
    def correction_names(self) -> tuple[str, ...]:
        return tuple(correction.name for correction in self.corrections)

    @cached_property
    def searches_first(self) -> bool:
        """Return whether a search goes ahead of every first create, or is the only request."""
        return self.endpoint is None or (self.find is not None and self.find.when == "before")

    def identifiers(self, record: Any) -> tuple[str, ...]:
        """Return the identifiers of people at the marked places of a record, to be masked in all texts about it."""
        return identifiers_at(self.masked, record)

    def is_withdrawn(self, record: Mapping[str, Any]) -> bool:
        """Return whether the record says that it was handed in by mistake."""
        return self.withdrawal is not None and self.withdrawal.holds(record)

    def operation_for(self, reference: str | None) -> Operation:
        """Return update for a record that has a reference, else create; a lookup is always a create."""
        return "update" if reference is not None and self.endpoint is not None else "create"

    def payload_for(self, operation: Operation) -> Template | None:
        """Return the template of the payload; None: the request has no body."""
        return (self.update.payload if operation == "update" and self.update else None) or self.payload
