"""Filter of a list, as the query of its address carries it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Protocol
from urllib.parse import urlencode

from litestar.exceptions import ClientException

from admin.pages.shared.date_field import read_days, written_period
from engine.delivery.status import Status
from engine.facilities.facilities import FacilityRow
from engine.queries.column_search import ColumnFilter
from engine.queries.deliveries import Filters
from engine.specs.record_type import Spec

MAX_CHARACTERS = 200  # of one condition
SHOWN_OF_HASH = 8  # characters of the hash of an entry
COLUMN_PREFIX = "column."  # of the field with a column's value
PRESET_DAYS = {"today": 0, "week": 6, "month": 29}  # preset -> days before today on which it begins


class Fields(Protocol):
    """The fields of an address or of a form, each possibly several times."""

    def getall(self, key: str, default: list[Any], /) -> list[Any]: ...

    def keys(self) -> Iterable[str]: ...


@dataclass(frozen=True, slots=True)
class ListFilters:
    """Filter of a list; an empty condition matches everything. Days are inclusive, `YYYY-MM-DD`."""

    date_from: str = ""
    date_to: str = ""
    statuses: tuple[str, ...] = ()
    text: str = ""
    code: str = ""
    cause: str = ""
    columns: tuple[ColumnFilter, ...] = ()
    version: str = ""

    @classmethod
    def read(cls, fields: Fields, spec: Spec | None = None) -> ListFilters:
        """Read the query of an address, or a form; raise 400 for an invalid condition.

        `date` is what a person wrote into the date field; it wins over `date_from` and `date_to`. `column.NAME` is a
        value of a column; columns by which the type cannot be filtered are left out.
        """
        chosen = fields.getall("status", [])
        date_from, date_to = _days(fields)
        return cls(
            date_from=date_from,
            date_to=date_to,
            statuses=tuple(status for status in Status if status in chosen),
            text=_field(fields, "text"),
            code=_field(fields, "code"),
            cause=_field(fields, "cause"),
            columns=_columns(fields),
            version=_field(fields, "version"),
        ).of_type(spec)

    def of_type(self, spec: Spec | None) -> ListFilters:
        """Return the same filter without columns by which the type cannot be filtered; None: with all columns."""
        if spec is None:
            return self
        names = {column.name for column in spec.columns if column.filter}
        return replace(self, columns=tuple(column for column in self.columns if column.name in names))

    @property
    def is_counted(self) -> bool:
        """Return whether the stored counters give the number of matches."""
        return not (self.text or self.code or self.cause or self.columns or self.version)

    def column(self, name: str) -> str:
        """Return what is chosen of a column, empty if nothing is."""
        return next((column.typed for column in self.columns if column.name == name), "")

    def without_column(self, name: str) -> ListFilters:
        """Return the same filter for any value of a column."""
        return replace(self, columns=tuple(column for column in self.columns if column.name != name))

    def __bool__(self) -> bool:
        return self != ListFilters()

    def fields(self) -> list[tuple[str, str]]:
        """Return name and value of each condition, as `read` takes them."""
        single = {
            "date_from": self.date_from,
            "date_to": self.date_to,
            "text": self.text,
            "code": self.code,
            "cause": self.cause,
            "version": self.version,
        }
        return [
            *((name, value) for name, value in single.items() if value),
            *(("status", status) for status in self.statuses),
            *((f"{COLUMN_PREFIX}{column.name}", column.typed) for column in self.columns),
        ]

    def address(self, **more: object) -> str:
        """Return the query of an address, with its question mark."""
        return f"?{urlencode([*self.fields(), *((name, str(value)) for name, value in more.items() if value)])}"

    @property
    def period(self) -> str:
        """Return the days as the date field shows them."""
        return written_period(self.date_from, self.date_to)

    def during(self, date_from: str, date_to: str) -> ListFilters:
        """Return the same filter for other days."""
        return replace(self, date_from=date_from, date_to=date_to)

    def of_any_cause(self) -> ListFilters:
        """Return the same filter without its cause."""
        return replace(self, cause="")

    def filters(self, specs: Sequence[str]) -> Filters:
        return Filters(
            specs=tuple(specs),
            statuses=self.statuses,
            date_from=self.date_from or None,
            date_to=self.date_to or None,
            text=self.text or None,
            code=self.code or None,
            cause=self.cause or None,
            columns=self.columns,
            version=self.version or None,
        )


def presets(facility: FacilityRow, now: int) -> dict[str, tuple[str, str]]:
    """Return name -> first and last day, in the facility's time zone."""
    today = facility.local(now).date()
    return {
        name: ((today - timedelta(days=back)).isoformat(), today.isoformat()) for name, back in PRESET_DAYS.items()
    } | {"all": ("", "")}


def _field(fields: Fields, name: str) -> str:
    value = str(fields.getall(name, [""])[-1]).strip()
    if len(value) > MAX_CHARACTERS or "\x00" in value:
        raise ClientException(name)
    return value


def _columns(fields: Fields) -> tuple[ColumnFilter, ...]:
    names = sorted({name for name in fields.keys() if name.startswith(COLUMN_PREFIX)})  # noqa: SIM118 - no mapping
    filters = (ColumnFilter(name.removeprefix(COLUMN_PREFIX), _field(fields, name)) for name in names)
    return tuple(column for column in filters if column.typed)


def _days(fields: Fields) -> tuple[str, str]:
    written, first, last = (_field(fields, name) for name in ("date", "date_from", "date_to"))
    try:
        return read_days(written, first, last)
    except ValueError:
        raise ClientException(written or f"{first} {last}") from None
