"""SQLAdmin with our views and templates, and without its routes that we do not use."""

from __future__ import annotations

import logging
from typing import Any

from litestar.exceptions import HTTPException as LitestarException
from sqladmin import Admin
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from admin.pages import errors
from admin.people import administrators
from admin.settings.alert_recipients import Alerts
from admin.settings.api_keys import Keys
from admin.settings.audit_log import Audit
from admin.settings.base_view import SettingsView
from admin.settings.clinics import Clinics
from admin.settings.delivery_views import DeliveryView, delivery_view
from admin.settings.request import hub_of, person_of
from admin.settings.rights import Rights, lacking
from admin.settings.roles import Roles
from admin.settings.users import People
from admin.text import words
from engine.hub import Hub
from engine.specs.text import Text

VIEWS: tuple[type[SettingsView[Any]], ...] = (People, Roles, Clinics, Keys, Alerts, Audit)
# SQLAdmin's other routes (login, uploads, exports, look-ups, its files) are removed.
ROUTES = {"index", "list", "details", "create", "edit"}

# Addresses of bulk actions before *Proses massal* was their only list.
OLD_JOB_PATHS = ("/bulk/list", "/bulk/details/{id_:int}")


class SettingsSite(Admin):
    """Pages under /admin for the catalog in force."""

    def __init__(self, hub: Hub, templates: str) -> None:
        logging.getLogger("sqladmin").setLevel(logging.CRITICAL)  # its errors are shown to the person or logged by us
        self.star = Starlette()
        super().__init__(self.star, templates_dir=templates, authorization_backend=Rights())
        words.equip(self.templates.env)
        self.admin.state.hub = hub
        kept = [route for route in self.admin.router.routes if getattr(route, "name", "") in ROUTES]
        self.admin.router.routes = [*(Route(path, _to_jobs) for path in OLD_JOB_PATHS), *kept]
        self.admin.exception_handlers = {
            HTTPException: self._refuse,
            LitestarException: self._refuse,
            Exception: self._break,
        }
        self.settings = [self._add(_bound(view, hub)) for view in VIEWS]
        self.raw: list[DeliveryView] = [self._add(delivery_view(spec, hub)) for spec in hub.catalog.specs.values()]

    async def index(self, request: Request) -> Response:
        """Show the settings, and a link to the raw data for a person who may see it."""
        await self.authorization_backend.load(request)
        context = {"views": self.views_of(request), "raw": self.raw_views_of(request)}
        if not any(context.values()):
            raise HTTPException(403)
        return await self.templates.TemplateResponse(request, "sqladmin/index.html", context)

    @staticmethod
    def get_save_redirect_url(request: Request, form: Any, model_view: Any, obj: Any) -> str:
        """Return where a person is led after saving."""
        return str(model_view.saved_address(getattr(obj, model_view.pk_columns[0].name)))

    def views_of(self, request: Request) -> list[SettingsView[Any]]:
        """Return the settings that the person may open."""
        return [view for view in self.settings if view.is_accessible(request)]

    def raw_views_of(self, request: Request) -> dict[str | Text, list[DeliveryView]]:
        """Return the raw lists that the person may open, by upstream."""
        groups: dict[str | Text, list[DeliveryView]] = {}
        for view in self.raw:
            if view.is_accessible(request):
                groups.setdefault(view.spec.upstream.label, []).append(view)
        return groups

    def _add(self, view: type[SettingsView[Any]]) -> Any:
        self.add_view(view)
        return self.views[-1]

    async def _refuse(self, request: Request, error: Any) -> Response:
        message = errors.status_message(error.status_code)
        if error.status_code == 403:
            person = person_of(request)
            permission = lacking(person, request.path_params.get("identity", ""))
            if permission is not None:
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


async def _to_jobs(request: Request) -> Response:
    id_ = request.path_params.get("id_")
    return RedirectResponse(f"/pekerjaan/{id_}" if id_ else "/pekerjaan", 301)


def _bound(view: type[SettingsView[Any]], hub: Hub) -> type[SettingsView[Any]]:
    make: Any = type(view)
    bound: type[SettingsView[Any]] = make(view.__name__, (view,), {"hub": hub})
    bound.identity = view.word  # the metaclass would take the name of the model
    return bound
