"""Objects that belong to a request to the settings: hub, person, layout of the page."""

from __future__ import annotations

from typing import cast

from starlette.requests import Request

from admin.http import access
from admin.http.access import Connection
from admin.pages.shared.formatting import Moment, moment
from admin.pages.shared.layout import Layout
from admin.people.users import Person
from engine.facilities.facilities import FacilityRow
from engine.hub import Hub

NO_CLINIC = FacilityRow(0, "", "", "Asia/Jakarta", "")  # its time zone is used while there is no clinic


def connection(request: Request) -> Connection:
    """Return Starlette's request as Litestar's connection; both read the same scope."""
    return cast(Connection, request)


def hub_of(request: Request) -> Hub:
    return access.hub_of(connection(request))


def person_of(request: Request) -> Person:
    return access.person(connection(request))


def layout_of(request: Request) -> Layout:
    """Return the layout that admin.settings.rights has stored in the request."""
    layout: Layout = request.state.frame
    return layout


def when(request: Request, milliseconds: int | None) -> Moment | None:
    """Return a time in the zone of the clinic that the page shows."""
    return moment(milliseconds, layout_of(request).facility or NO_CLINIC)
