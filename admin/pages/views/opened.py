"""Turns a list's filter into a saved view, and a saved view into an address with the days of now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum
from urllib.parse import parse_qsl, urlencode

from litestar.datastructures import MultiDict
from litestar.exceptions import ClientException

from admin.pages.shared.filters import Fields, ListFilters, presets
from admin.pages.shared.layout import Layout
from admin.people.saved_views import SavedView, ViewPlace
from engine.catalog.catalog import Catalog
from engine.identifiers import masked
from engine.specs.record_type import Spec


class ViewPage(StrEnum):
    """A page whose filter can be saved."""

    LIST = "list"  # of a type; also the monitoring of an area
    PROBLEMS = "problems"
    VISITS = "visits"  # the matrix of a day


# Fields besides those of ListFilters, of each page.
OWN_FIELDS: Mapping[ViewPage, tuple[str, ...]] = {
    ViewPage.LIST: (),
    ViewPage.PROBLEMS: ("area",),
    ViewPage.VISITS: ("kurang",),
}
OWN_VALUES = {"kurang": {"ya"}}  # of fields whose values are fixed
Spans = Mapping[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class ChosenView:
    """A page with a filter: `own` are the fields that ListFilters does not have; `spec` is None for all types."""

    page: ViewPage
    spec: Spec | None
    filters: ListFilters
    own: tuple[tuple[str, str], ...] = ()

    @property
    def address(self) -> str:
        return f"{self._path}?{urlencode([*self.filters.fields(), *self.own])}".removesuffix("?")

    @property
    def _path(self) -> str:
        if self.page is ViewPage.VISITS:
            return "/kunjungan"
        if self.spec is None:
            return "/masalah"
        path = f"/integrasi/{self.spec.upstream.name}/{self.spec.name}"
        return f"{path}/masalah" if self.page is ViewPage.PROBLEMS else path

    def fields(self) -> list[tuple[str, str]]:
        """Return name and value of each field, as `read_chosen` takes them."""
        spec = [("jenis", self.spec.name)] if self.spec else []
        return [("halaman", self.page.value), *spec, *self.filters.fields(), *self.own]


def spans(layout: Layout, now: int) -> dict[str, tuple[str, str]]:
    """Return name -> first and last day of the spans that move on with the day, in the facility's time zone."""
    if layout.facility is None:
        return {}
    named = {name: days for name, days in presets(layout.facility, now).items() if days != ("", "")}
    yesterday = (date.fromisoformat(named["today"][0]) - timedelta(days=1)).isoformat()
    return {**named, "yesterday": (yesterday, yesterday)}


def read_chosen(fields: Fields, catalog: Catalog) -> ChosenView:
    """Read a page and its filter from an address or a form; raise 400 for a page that there is not.

    What may name a person is left out: the search, and values of columns that look like an identifier.
    """
    name, spec_name = (str(fields.getall(field, [""])[-1]) for field in ("halaman", "jenis"))
    spec = catalog.specs.get(spec_name)
    if name not in set(ViewPage) or (spec is None and (spec_name or name == ViewPage.LIST)):
        raise ClientException("halaman")
    page = ViewPage(name)
    read = ListFilters.read(fields, spec if page is ViewPage.LIST else None)
    if page is ViewPage.PROBLEMS:
        read = ListFilters()
    columns = tuple(column for column in read.columns if masked(column.typed) == column.typed)
    own = [(field, str(fields.getall(field, [""])[-1])) for field in OWN_FIELDS[page]]
    return ChosenView(
        page,
        None if page is ViewPage.VISITS else spec,
        replace(read, text="", columns=columns),
        tuple((field, value) for field, value in own if _is_known(field, value, catalog)),
    )


def _is_known(field: str, value: str, catalog: Catalog) -> bool:
    return value in (catalog.upstreams if field == "area" else OWN_VALUES[field])


def to_be_saved(chosen: ChosenView, layout: Layout, now: int, *, moving: bool) -> ViewPlace:
    """Return what is stored of a view; with `moving`, days that are a span such as *today* stay one."""
    days = chosen.filters.date_from, chosen.filters.date_to
    name = span_of(chosen, layout, now) if moving else ""
    query = urlencode([*chosen.filters.during("", "").fields(), *chosen.own])
    spec = chosen.spec.name if chosen.spec else ""
    return ViewPlace(chosen.page.value, spec, query, name or (",".join(days) if any(days) else ""))


def span_of(chosen: ChosenView, layout: Layout, now: int) -> str:
    """Return the name of the span that the chosen days are now; empty if they are none."""
    days = chosen.filters.date_from, chosen.filters.date_to
    return next((name for name, span in spans(layout, now).items() if span == days), "")


def chosen_of(view: SavedView, catalog: Catalog, named: Spans) -> ChosenView | None:
    """Return the page and filter of a view as of now; None if its type is not declared any more."""
    pairs = [*parse_qsl(view.query), ("halaman", view.page), *([("jenis", view.spec)] if view.spec else [])]
    try:
        chosen = read_chosen(MultiDict(pairs), catalog)
    except ClientException:
        return None
    first, _, last = view.days.partition(",")
    days = named.get(view.days) or (first, last)
    return replace(chosen, filters=chosen.filters.during(*days))
