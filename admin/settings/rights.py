"""Access rights in the settings, which SQLAdmin checks for every page and every button."""

from __future__ import annotations

from typing import Any

from sqladmin.authorization import Action, AuthorizationBackend
from starlette.requests import Request

from admin.pages.shared.layout import layout_for
from admin.people.permissions import Permission
from admin.people.users import Person
from admin.settings.request import connection, hub_of, person_of

RAW_PREFIX = "raw-"  # of the identity of a record type's view
# (identity, action) that concern every clinic: a person of one clinic may only look.
ALL_CLINICS_ACTIONS = {("roles", Action.CREATE), ("roles", Action.EDIT), ("facilities", Action.CREATE)}


class Rights(AuthorizationBackend):
    """Grants access by the permissions of our roles."""

    async def load(self, request: Request) -> None:
        """Store the layout of the page in the request, for its views."""
        first = next(iter(hub_of(request).catalog.upstreams))
        request.state.frame = await layout_for(connection(request), first)

    def has_permission(self, request: Request, identity: str, action: str, obj: Any | None = None) -> bool:
        person = person_of(request)
        if person.facility_id is not None and (identity, action) in ALL_CLINICS_ACTIONS:
            return False
        return lacking(person, identity) is None


def lacking(person: Person, identity: str) -> Permission | None:
    """Return the permission that the person lacks to open a view; None if they may."""
    # Raw lists show patients, so the right to see patients is needed besides.
    asked = (Permission.SATUSEHAT, Permission.RAW) if identity.startswith(RAW_PREFIX) else (Permission.MANAGE,)
    return next((permission for permission in asked if not person.may(permission)), None)
