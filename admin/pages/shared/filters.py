"""Filter of a list, as the query of its address carries it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Protocol
from urllib.parse import urlencode

from litestar.exceptions import ClientException

from admin.pages.shared.date_field import read_days, written_period
from engine.delivery.status import Status
from engine.facilities.facilities import FacilityRow
from engine.queries.deliveries import Filters

MAX_CHARACTERS = 200  # of one condition
PRESET_DAYS = {"today": 0, "week": 6, "month": 29}  # preset -> days before today on which it begins


class Fields(Protocol):
    """The fields of an address or of a form, each possibly several times."""

    def getall(self, key: str, default: list[Any], /) -> list[Any]: ...


@dataclass(frozen=True, slots=True)
class ListFilters:
    """Filter of a list; an empty condition matches everything. Days are inclusive, `YYYY-MM-DD`."""

    date_from: str = ""
    date_to: str = ""
    statuses: tuple[str, ...] = ()
    text: str = ""
    code: str = ""
    cause: str = ""

    @classmethod
    def read(cls, fields: Fields) -> ListFilters:
        """Read the query of an address, or a form; raise 400 for an invalid condition.

        `date` is what a person wrote into the date field; it wins over `date_from` and `date_to`.
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
        )

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
        }
        return [
            *((name, value) for name, value in single.items() if value),
            *(("status", status) for status in self.statuses),
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


def _days(fields: Fields) -> tuple[str, str]:
    written, first, last = (_field(fields, name) for name in ("date", "date_from", "date_to"))
    try:
        return read_days(written, first, last)
    except ValueError:
        raise ClientException(written or f"{first} {last}") from None
