"""Who may do what: every route says which right it asks for, and one that says nothing is closed."""

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

SESSION_MS = 12 * 3600_000
"""Milliseconds after which a person has to log in again, however busy they were."""
IDLE_MS = 8 * 3600_000
"""Milliseconds without a request after which a session ends."""
SEEN_NOTE_MS = 60_000
"""Milliseconds between two notes in the cookie that the person is still there."""


class Right(StrEnum):
    """What a route asks for; given as `opt={"right": Right...}`."""

    OPEN = "open"
    HIS = "his"
    """An API key of a facility."""
    INBOUND = "inbound"
    """A token that a caller of the clinic was given for its credentials."""
    PANEL = "panel"
    """A logged-in person; `opt={"may": Permission...}` says what their role must allow, *Integrasi* if absent."""
    PERSON = "person"
    """Any logged-in person, whatever their role allows."""
    WATCH = "watch"
    """Either: what monitors and the people who keep it running look at."""


async def authorize(connection: Connection, handler: BaseRouteHandler) -> None:
    """Litestar guard of the whole application; raises 401 or 403."""
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
    """Raise 403, naming what is lacking and who may grant it, unless the person's role allows it."""
    if not person.may(permission):
        ask = await administrators.managers(hub.database, person.facility_id)
        raise PermissionDeniedException("the role does not allow it", extra={"lacking": permission, "ask": ask})


def hub_of(connection: Connection) -> Hub:
    hub: Hub = connection.app.state.hub
    return hub


def session_of(connection: Connection) -> dict[str, Any]:
    """What the cookie of Starlette's SessionMiddleware carries; changes travel back with the answer."""
    return cast(dict[str, Any], connection.scope["session"])


def facility(request: Connection) -> FacilityRow:
    """Dependency: the clinic whose key was shown."""
    found: FacilityRow = request.scope["state"]["facility"]
    return found


def person(request: Connection) -> Person:
    """Dependency: who is logged in."""
    found: Person = request.scope["state"]["person"]
    return found


def confined_to(request: Connection) -> str | None:
    """Dependency: the code of the clinic whose key was shown or whose person it is, who see it alone; None: all."""
    state = request.scope["state"]
    if state.get("operator"):
        return None
    found: FacilityRow | None = state.get("facility")
    return found.code if found else state["person"].facility_code


def _is_operator(connection: Connection) -> bool:
    """Whether ANTAR_METRICS_TOKEN was shown."""
    wanted, shown = hub_of(connection).settings.metrics_token, connection.headers.get("authorization", "")
    return bool(wanted) and hmac.compare_digest(shown.encode(), f"Bearer {wanted}".encode())


async def _facility_of(connection: Connection) -> None:
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    key = token.strip() if scheme.lower() == "bearer" else connection.headers.get("x-api-key", "")
    found = await by_api_key(hub_of(connection).database, key) if key else None
    if found is None:
        raise NotAuthorizedException(
            "no valid API key; send `Authorization: Bearer antar_...` (made by `antar key new`)",
            headers={"WWW-Authenticate": "Bearer"},
        )
    connection.scope["state"]["facility"] = found


async def _person_of(connection: Connection, handler: BaseRouteHandler) -> Person:
    """A route with `opt={"live": True}` is asked by the page, not by the person: it keeps no session alive."""
    hub = hub_of(connection)
    session = session_of(connection)
    known = await users.by_id(hub.database, session["user"]) if session.get("user") else None
    now, seen = hub.database.clock(), session.get("seen", 0)
    fresh = now - session.get("at", 0) < SESSION_MS and now - seen < IDLE_MS
    if known is None or known.session_version != session.get("version") or not fresh:
        raise NotAuthorizedException("login")
    if now - seen >= SEEN_NOTE_MS and not handler.opt.get("live"):
        session["seen"] = now
    connection.scope["state"]["person"] = known
    return known
