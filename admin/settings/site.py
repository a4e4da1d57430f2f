"""SQLAdmin with our views and templates, and without its routes that we do not use."""

from __future__ import annotations

import logging
from typing import Any

from litestar.exceptions import HTTPException as LitestarException
from sqladmin import Admin
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from admin.pages import errors
from admin.people import administrators
from admin.settings.alert_recipients import Alerts
from admin.settings.api_keys import Keys
from admin.settings.base_view import SettingsView
from admin.settings.clinics import Clinics
from admin.settings.delivery_views import delivery_view
from admin.settings.logs import Audit, Jobs
from admin.settings.request import hub_of, person_of
from admin.settings.rights import Rights, needed
from admin.settings.roles import Roles
from admin.settings.users import People
from admin.text import words
from engine.hub import Hub
from engine.specs.text import Text

VIEWS: tuple[type[SettingsView[Any]], ...] = (People, Roles, Clinics, Keys, Alerts, Audit, Jobs)
# SQLAdmin's other routes (login, uploads, exports, look-ups, its files) are removed.
ROUTES = {"index", "list", "details", "create", "edit"}


class SettingsSite(Admin):
    """Pages under /admin for the catalog in force."""

    def __init__(self, hub: Hub, templates: str) -> None:
        logging.getLogger("sqladmin").setLevel(logging.CRITICAL)  # its errors are shown to the person or logged by us
        self.star = Starlette()
        super().__init__(self.star, templates_dir=templates, authorization_backend=Rights())
        words.equip(self.templates.env)
        self.admin.state.hub = hub
        self.admin.router.routes = [route for route in self.admin.router.routes if getattr(route, "name", "") in ROUTES]
        self.admin.exception_handlers = {
            HTTPException: self._refuse,
            LitestarException: self._refuse,
            Exception: self._break,
        }
        self.settings = [self._add(_bound(view, hub)) for view in VIEWS]
        self.raw = [self._add(delivery_view(spec, hub)) for spec in hub.catalog.specs.values()]

    async def index(self, request: Request) -> Response:
        """Show the index of the views."""
        await self.authorization_backend.load(request)
        context = {"groups": self.views_of(request)}
        if not any(context["groups"].values()):
            raise HTTPException(403)
        return await self.templates.TemplateResponse(request, "sqladmin/index.html", context)

    def views_of(self, request: Request) -> dict[str | Text, list[SettingsView[Any]]]:
        """Return the views that the person may open, by heading."""
        groups: dict[str | Text, list[SettingsView[Any]]] = {words.say("settings"): self.settings}
        for view in self.raw:
            groups.setdefault(view.spec.upstream.label, []).append(view)  # type: ignore[attr-defined]
        accessible = {name: [view for view in views if view.is_accessible(request)] for name, views in groups.items()}
        return {name: views for name, views in accessible.items() if views}

    def _add(self, view: type[SettingsView[Any]]) -> SettingsView[Any]:
        self.add_view(view)
        added: Any = self.views[-1]
        return added  # type: ignore[no-any-return]

    async def _refuse(self, request: Request, error: Any) -> Response:
        message = errors.status_message(error.status_code)
        if error.status_code == 403:
            permission = needed(request.path_params.get("identity", ""))
            person = person_of(request)
            if not person.may(permission):
                message = errors.lacking(
                    permission, await administrators.managers(hub_of(request).database, person.facility_id)
                )
        return await self._page(request, error.status_code, message)

    async def _break(self, request: Request, error: Exception) -> Response:
        status = errors.status_of(request, error)
        return await self._page(request, status, errors.status_message(status))

    async def _page(self, request: Request, status: int, message: str) -> Response:
        try:
            await self.authorization_backend.load(request)
            template = "shared/error.html"
        except Exception:  # what broke the page may break its frame, too
            template = "shared/error_alone.html"
        context = {**errors.page_context(status, message), "frame": getattr(request.state, "frame", None)}
        return await self.templates.TemplateResponse(request, template, context, status_code=status)


def _bound(view: type[SettingsView[Any]], hub: Hub) -> type[SettingsView[Any]]:
    make: Any = type(view)
    bound: type[SettingsView[Any]] = make(view.__name__, (view,), {"hub": hub})
    bound.identity = view.word  # the metaclass would take the name of the model
    return bound
