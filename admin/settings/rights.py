"""Who may do what in the settings; SQLAdmin asks here for every page and every button."""

from __future__ import annotations

from typing import Any

from sqladmin.authorization import Action, AuthorizationBackend
from starlette.requests import Request

from admin.pages.shared.layout import layout_for
from admin.people.permissions import Permission
from admin.settings.request import connection, hub_of, person_of

RAW = "raw-"
"""Begins the identity of the view of a record type."""
WHOLE = {("roles", Action.CREATE), ("roles", Action.EDIT), ("facilities", Action.CREATE)}
"""(identity, action) of what concerns every clinic: whoever is confined to one may look and no more."""


class Rights(AuthorizationBackend):
    """The permissions of our roles."""

    async def load(self, request: Request) -> None:
        """Also makes the frame of the page, for all that follows."""
        first = next(iter(hub_of(request).catalog.upstreams))
        request.state.frame = await layout_for(connection(request), first)

    def has_permission(self, request: Request, identity: str, action: str, obj: Any | None = None) -> bool:
        person = person_of(request)
        if person.facility_id is not None and (identity, action) in WHOLE:
            return False
        return person.may(needed(identity))


def needed(identity: str) -> Permission:
    """The permission that opens a view."""
    return Permission.SATUSEHAT if identity.startswith(RAW) else Permission.MANAGE
