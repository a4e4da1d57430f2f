"""What a request to the settings brings along: the house, the person, the frame of the page."""

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

ANYWHERE = FacilityRow(0, "", "", "Asia/Jakarta", "")
"""In whose zone times are shown as long as there is no clinic."""


def connection(request: Request) -> Connection:
    """Starlette's request, as our pages know requests: both read the same scope."""
    return cast(Connection, request)


def hub_of(request: Request) -> Hub:
    return access.hub_of(connection(request))


def person_of(request: Request) -> Person:
    return access.person(connection(request))


def frame_of(request: Request) -> Layout:
    """What admin.settings.rights has put there."""
    found: Layout = request.state.frame
    return found


def when(request: Request, milliseconds: int | None) -> Moment | None:
    """A time in the zone of the clinic that the page shows."""
    return moment(milliseconds, frame_of(request).facility or ANYWHERE)
