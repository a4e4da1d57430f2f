"""Access rights: every route declares the right that it asks for; a route that declares none is closed."""

from __future__ import annotations

import hmac
from enum import StrEnum
from typing import Any, cast

from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException, PermissionDeniedException
from litestar.handlers.base import BaseRouteHandler

from admin.http import callers
from admin.people import administrators, users
from admin.people.permissions import Permission
from admin.people.users import Person
from engine.facilities.facilities import FacilityRow, by_api_key
from engine.hub import Hub

Connection = ASGIConnection[Any, Any, Any, Any]

SESSION_MS = 12 * 3600_000  # a person has to log in again after this time, even if they were active
IDLE_MS = 8 * 3600_000  # a session without a request ends after this time
SEEN_NOTE_MS = 60_000  # the cookie notes at most this often that the person is still active


class Right(StrEnum):
    """Credential that a route asks for, declared as `opt={"right": Right...}`."""

    OPEN = "open"  # none
    HIS = "his"  # an API key of a facility
    INBOUND = "inbound"  # a token that a caller of the clinic received for its credentials
    # A logged-in person; `opt={"may": Permission...}` names what their role must allow, by default *Integrasi*.
    PANEL = "panel"
    PERSON = "person"  # any logged-in person, regardless of their role
    WATCH = "watch"  # an API key or a logged-in person: for monitors and for the people who run Antar


async def authorize(connection: Connection, handler: BaseRouteHandler) -> None:
    """Guard every route of the application: raise 401 or 403."""
    match handler.opt.get("right"):
        case Right.OPEN:
            return
        case Right.HIS:
            await _facility_of(connection)
        case Right.INBOUND:
            await callers.authorize(connection)
        case Right.PANEL:
            person = await _person_of(connection, handler)
            await demand(hub_of(connection), person, handler.opt.get("may", Permission.SATUSEHAT))
        case Right.PERSON:
            await _person_of(connection, handler)
        case Right.WATCH if handler.opt.get("operator") and _is_operator(connection):
            connection.scope["state"]["operator"] = True
        case Right.WATCH if "authorization" in connection.headers or "x-api-key" in connection.headers:
            await _facility_of(connection)
        case Right.WATCH:
            await _person_of(connection, handler)
        case _:
            raise PermissionDeniedException("this route declares no right")


async def demand(hub: Hub, person: Person, permission: Permission) -> None:
    """Raise 403 unless the person's role has the permission; the error names it and the people who can grant it."""
    if not person.may(permission):
        managers = await administrators.managers(hub.database, person.facility_id)
        raise PermissionDeniedException("the role does not allow it", extra={"lacking": permission, "ask": managers})


def hub_of(connection: Connection) -> Hub:
    hub: Hub = connection.app.state.hub
    return hub


def session_of(connection: Connection) -> dict[str, Any]:
    """Return the content of the cookie of Starlette's SessionMiddleware; changes are sent back with the answer."""
    return cast(dict[str, Any], connection.scope["session"])


def facility(request: Connection) -> FacilityRow:
    """Return the clinic that the API key belongs to (a dependency)."""
    clinic: FacilityRow = request.scope["state"]["facility"]
    return clinic


def api_key_id(request: Connection) -> int:
    """Return the id of the API key that the request carries."""
    id_: int = request.scope["state"]["api_key_id"]
    return id_


def person(request: Connection) -> Person:
    """Return the logged-in person (a dependency)."""
    logged_in: Person = request.scope["state"]["person"]
    return logged_in


def confined_to(request: Connection) -> str | None:
    """Return the code of the only clinic that the API key or the person may see, None for all (a dependency)."""
    state = request.scope["state"]
    if state.get("operator"):
        return None
    clinic: FacilityRow | None = state.get("facility")
    return clinic.code if clinic else state["person"].facility_code


def _is_operator(connection: Connection) -> bool:
    """Return True if the request carries ANTAR_METRICS_TOKEN."""
    token, header = hub_of(connection).settings.metrics_token, connection.headers.get("authorization", "")
    return bool(token) and hmac.compare_digest(header.encode(), f"Bearer {token}".encode())


async def _facility_of(connection: Connection) -> None:
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    key = token.strip() if scheme.lower() == "bearer" else connection.headers.get("x-api-key", "")
    known = await by_api_key(hub_of(connection).database, key) if key else None
    if known is None:
        raise NotAuthorizedException(
            "no valid API key; send `Authorization: Bearer antar_...` (made by `antar key new`)",
            headers={"WWW-Authenticate": "Bearer"},
        )
    connection.scope["state"]["facility"], connection.scope["state"]["api_key_id"] = known


async def logged_in(connection: Connection) -> Person | None:
    """Return the person of the session; None if nobody is logged in, or the session has ended."""
    hub, session = hub_of(connection), session_of(connection)
    person = await users.by_id(hub.database, session["user"]) if session.get("user") else None
    now = hub.database.clock()
    fresh = now - session.get("at", 0) < SESSION_MS and now - session.get("seen", 0) < IDLE_MS
    return person if person is not None and person.session_version == session.get("version") and fresh else None


async def _person_of(connection: Connection, handler: BaseRouteHandler) -> Person:
    """Return the person of the session, or raise 401."""
    person = await logged_in(connection)
    if person is None:
        raise NotAuthorizedException("login")
    session, now = session_of(connection), hub_of(connection).database.clock()
    # A route with `opt={"live": True}` is requested by the page, not by the person: it keeps no session alive.
    if now - session.get("seen", 0) >= SEEN_NOTE_MS and not handler.opt.get("live"):
        session["seen"] = now
    connection.scope["state"]["person"] = person
    return person
