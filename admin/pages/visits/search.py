"""Search of the header over patients, visits, pages and types; what is typed is in no address and no log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from litestar import Request, get, post
from litestar.params import URLEncodedBody
from litestar.response import Template

from admin.http.access import Right
from admin.pages.login import MAX_FORM_BYTES
from admin.pages.shared.formatting import day
from admin.pages.visits.opened import OPENED, OpenClinic, Opened
from admin.text.words import localized, say
from engine.queries import patients, visits

MAX_RESULTS = 8  # of each kind
MAX_CHARACTERS = 100
ADDRESS = "/cari"


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A line of the list: where it leads, and what tells it from others."""

    kind: str
    icon: str
    label: str
    note: str
    href: str


@get(ADDRESS, opt={"right": Right.PANEL}, dependencies=OPENED)
async def search_page(clinic: Opened) -> Template:
    """Show the search as a page, for browsers without JavaScript."""
    return Template("visits/search.html", context={"frame": clinic.layout, "typed": "", "results": [], "asked": False})


@post(ADDRESS, opt={"right": Right.PANEL}, dependencies=OPENED, status_code=200, request_max_body_size=MAX_FORM_BYTES)
async def search(
    request: Request[Any, Any, Any], clinic: Opened, data: URLEncodedBody[dict[str, str] | None] = None
) -> Template:
    """Return the results: the list for the header when htmx asks, else a page."""
    typed = " ".join((data or {}).get("kata", "").replace("\0", "").split())[:MAX_CHARACTERS]
    results = [result async for result in _found(clinic, request.url.path, typed)] if typed else []
    context = {"frame": clinic.layout, "typed": typed, "results": results, "asked": bool(typed)}
    partial = "hx-request" in request.headers
    return Template("visits/search_results.html" if partial else "visits/search.html", context=context)


async def _found(clinic: OpenClinic, path: str, typed: str) -> Any:
    hub, layout = clinic.hub, clinic.layout
    if layout.facility is not None:
        facility = layout.facility
        visit = await visits.visit_by_key(hub.database, facility.id, typed)
        if visit is not None:
            note = " · ".join(filter(None, (day(visit.day) if visit.day else "", visit.patient_norm or "")))
            yield SearchResult("visit", "calendar-event", visit.key, note, f"/kunjungan/{visit.id}")
        hashes = hub.vault.number_hashes(facility.id, typed)
        for patient in await patients.search(hub.database, facility.id, typed, hashes, MAX_RESULTS):
            note = patient.norm if not patient.last else f"{patient.norm} · {say('search.last', day=day(patient.last))}"
            yield SearchResult("patient", "user", patient.name or patient.norm, note, f"/pasien/{patient.id}")
    for result in _places(clinic, path, typed.casefold()):
        yield result


def _places(clinic: OpenClinic, path: str, typed: str) -> Iterator[SearchResult]:
    """Yield the pages of the menu and the types whose name has the text."""
    menu, n = clinic.layout.menu(path), 0
    entries = [(group.label, entry) for group in menu.groups for entry in group.entries]
    for group, entry in [*entries, *(("", entry) for entry in menu.others)]:
        if typed in f"{group} {entry.label}".casefold() and n < MAX_RESULTS:
            n += 1
            yield SearchResult("page", entry.icon, entry.label, group, entry.href)
    for spec in clinic.hub.catalog.specs.values():
        if typed in f"{localized(spec.label)} {spec.name}".casefold() and n < 2 * MAX_RESULTS:
            n += 1
            upstream = spec.upstream
            yield SearchResult(
                "type",
                spec.icon,
                localized(spec.label),
                localized(upstream.label),
                f"/integrasi/{upstream.name}/{spec.name}",
            )
