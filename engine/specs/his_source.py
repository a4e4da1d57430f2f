"""Source as the configuration declares it: a clinic's database that is read, and what its rows become."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Literal, NamedTuple

from adapters.base import Problem
from engine.delivery.status import KEY_LENGTH
from engine.json_text import short_hash
from engine.source.faults import Source
from engine.specs.text import Text
from engine.templates.template import Template, TemplateError

Row = Mapping[str, Any]
Further = Mapping[str, Sequence[Row]]  # name of `with` -> the further rows of one row
UNNAMED = "?"  # begins the key of a row whose key cannot be rendered
DAY_PARAMETERS = ("since", "until")  # of the queries of a read without `bounds`: the first and the last day
MARK_PARAMETERS = ("since", "limit")  # of the query of a read by watermark: where a batch begins, and its size
MARK_ROWS = 500  # of a batch of a read by watermark
KEYS_DAYS = -1  # in place of a window's days, for the nightly round of keys alone


@dataclass(frozen=True, slots=True)
class Window:
    """Days back from today, today included, that are read again every so many seconds."""

    days: int
    every: int


@dataclass(frozen=True, slots=True)
class FurtherRows:
    """A query whose rows belong to the rows of a read that have the same value in the column `on`."""

    on: str
    query: str


class Made(NamedTuple):
    """Result of a row: a record, or the reason for which it is skipped, or the problem of the templates."""

    key: str
    record: dict[str, Any] | None = None
    skipped: str = ""
    problem: Problem | None = None
    gone: bool = False  # the row says that it was deleted
    unchanged: bool = False  # the row is as it was when its record was taken, so that it was not made again


@dataclass(frozen=True, slots=True)
class Gone:
    """Tree that is handed in for a record whose row has disappeared; without `into` it is laid over the last record."""

    into: str | None
    # Context: record (the last one), facility, tables. Values: the withdrawal that the entry itself declares.
    tree: Template | Mapping[str, Any]

    def rendered(self, scope: Mapping[str, Any]) -> Any:
        """Return the tree of a record that has disappeared. Raises TemplateError."""
        return (self.tree.render(scope) or {}) if isinstance(self.tree, Template) else self.tree


@dataclass(frozen=True, slots=True)
class Watermark:
    """The column that grows with each change of a row, by which only what has changed is read."""

    column: str
    lag: int  # seconds (of numbers: units) before the last mark from which the next round reads
    utc: bool  # times without an offset are UTC, else the clinic's
    first: Template | None  # the mark with which the first round begins: context is first, facility; None: midnight
    deleted: Template | None  # true: the row was deleted; context as the record's
    keys: str | None  # query of the keys of all rows, for a nightly round


Mark = int | datetime  # value of a watermark's column


@dataclass(frozen=True, slots=True)
class SourceRead:
    """One query of a source, and the records that its rows become."""

    name: str
    into: str  # an entry, or the type of a mapping's items
    by: Literal["window", "watermark", "all"]
    windows: tuple[Window, ...]  # the hottest first; of a read without days one of 0 days
    query: str
    bounds: Mapping[str, Template]  # parameters of the queries: context is first and last, YYYY-MM-DD
    further: Mapping[str, FurtherRows]
    let: Mapping[str, Template]  # names for the other templates, in order
    skip: Template | None
    because: str
    each: Mapping[str, Template]  # name -> value: a record for each that has one, as `name` and `item`
    key: Template
    record: Template
    gone: Gone | None
    columns: tuple[str, ...]  # columns of `row` that the templates use
    columns_of: Mapping[str, tuple[str, ...]]  # those of each field of the record, of `$key` and of `$skip`
    source: Source
    watermark: Watermark | None = None

    @property
    def widest(self) -> int:
        """Days of the widest window; 0 for a read of everything."""
        return max(window.days for window in self.windows)

    def parameters(self, first: date, last: date, facility: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters of the queries for the days from `first` to `last`. Raises TemplateError."""
        if self.by == "all":
            return {}
        if self.watermark is not None:
            return {"since": self.first_mark(first, facility), "limit": MARK_ROWS}
        if not self.bounds:
            return dict(zip(DAY_PARAMETERS, (first, last), strict=True))
        scope = {"first": first.isoformat(), "last": last.isoformat(), "facility": facility}
        return {name: template.render(scope) for name, template in self.bounds.items()}

    def first_mark(self, first: date, facility: Mapping[str, Any]) -> Mark:
        """Return the mark with which the first round begins. Raises TemplateError."""
        template = None if self.watermark is None else self.watermark.first
        if template is None:
            return datetime.combine(first, time())
        value = template.render({"first": first.isoformat(), "facility": facility})
        try:
            return value if isinstance(value, int) else datetime.fromisoformat(str(value))
        except ValueError as error:
            place = template.source
            message = "is neither a time nor a whole number"
            raise TemplateError(place.file, place.line, place.column, f"reads.{self.name}.mark", message) from error

    def keys_of(self, row: Row, tables: Mapping[str, Any], facility: Mapping[str, Any]) -> Iterator[str]:
        """Yield the keys that a row may have in the ledger: one, or one for each name of `each`."""
        scope: dict[str, Any] = {"row": row, "tables": tables, "facility": facility}
        for names in [{"name": name, "item": None} for name in self.each] or [{}]:
            yield _key(self.key.render({**scope, **names}))

    def made(
        self, row: Row, further: Further, tables: Mapping[str, Any], facility: Mapping[str, Any]
    ) -> Iterator[Made]:
        """Yield what a row becomes, once or for each item of `each` that has a value."""
        scope: dict[str, Any] = {"row": row, **further, "tables": tables, "facility": facility}
        try:
            for name, template in self.let.items():
                scope[name] = template.render(scope)
            items = [(name, template.render(scope)) for name, template in self.each.items()]
        except TemplateError as error:
            yield self._unmade(scope, error)
            return
        if not self.each:
            yield self._one(scope)
        for name, item in items:
            if item is not None:
                yield self._one({**scope, "name": name, "item": item})

    def _one(self, scope: dict[str, Any]) -> Made:
        try:
            key = _key(self.key.render(scope))
            if not 0 < len(key) <= KEY_LENGTH:
                words = f"the key must have 1 to {KEY_LENGTH} characters"
                return Made(_unnamed(scope["row"]), problem=Problem("key", words))
            if self.watermark and self.watermark.deleted and self.watermark.deleted.render(scope):
                return Made(key, gone=True)
            if self.skip is not None and self.skip.render(scope):
                return Made(key, skipped=self.because)
            record = self.record.render(scope)
        except TemplateError as error:
            return self._unmade(scope, error)
        return Made(key, record if isinstance(record, dict) else {})

    def _unmade(self, scope: dict[str, Any], error: TemplateError) -> Made:
        try:
            key = _key(self.key.render(scope)) or _unnamed(scope["row"])
        except TemplateError:
            key = _unnamed(scope["row"])
        return Made(key, problem=Problem(self._place(error.path), error.message))

    def _place(self, path: str) -> str:
        """Return the path of a template as the JSON path of what it makes in the record, or below the read."""
        below = path.partition(f".reads.{self.name}.")[2] or path
        return f"$.{below.removeprefix('record.')}" if below.startswith("record.") else below


@dataclass(frozen=True, slots=True)
class Adoption:
    """Query of the upstream's ids that another program has stored in the clinic's database.

    Its rows belong to those of a read, in whose days it is asked: by the key of the read's row.
    """

    name: str
    read: str
    query: str
    each: Mapping[str, Template]  # as of a read: one row has an id for each of these that has a value
    key: Template  # key of the read's row; context: row, tables, facility, with `each` also name and item
    reference: Template

    def ids(self, row: Row, tables: Mapping[str, Any], facility: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield (key of the read's row, id) of a row; the key is empty if it has none. Raises TemplateError."""
        scope: dict[str, Any] = {"row": row, "tables": tables, "facility": facility}
        items = {name: template.render(scope) for name, template in self.each.items()}
        scopes = [{**scope, "name": name, "item": item} for name, item in items.items() if item is not None]
        for one in scopes if self.each else [scope]:
            reference = self.reference.render(one)
            if reference not in (None, ""):
                yield _key(self.key.render(one)), str(reference)


@dataclass(frozen=True, slots=True)
class HisSource:
    """A clinic's database, and its reads in the order in which their records need each other."""

    name: str
    label: Text
    system: str  # kind of the database: a dialect of adapters.his_database
    credentials: Mapping[str, Text]
    patience: float  # seconds that a query may take
    grants: tuple[str, ...]  # tables that the reader's user may read
    tables: Mapping[str, Any]
    reads: Mapping[str, SourceRead]
    adopt: Mapping[str, Adoption]  # ids that another program has stored
    codes: Mapping[str, str]  # mapping -> query of `key` and `code`: what the clinic has mapped before
    status_table: str | None = None  # the table in which the clinic's database is told of deliveries

    @property
    def specs(self) -> tuple[str, ...]:
        """Types of the records that are handed in."""
        given = [read.into for read in self.reads.values()]
        given += [read.gone.into for read in self.reads.values() if read.gone and read.gone.into]
        return tuple(dict.fromkeys(given))

    @property
    def account(self) -> str:
        """Name under which the clinic's credentials for it are stored, next to those of the upstreams."""
        return f"source:{self.name}"


def _key(value: Any) -> str:
    return "" if value is None else str(value)


def _unnamed(row: Row) -> str:
    return UNNAMED + short_hash(row)
