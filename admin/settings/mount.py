"""Mount of SQLAdmin under /admin in the Litestar application."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from litestar import asgi
from litestar.types import Receive, Scope, Send

from admin.http.access import Right
from admin.settings.site import SettingsSite
from engine.catalog.catalog import Catalog
from engine.hub import Hub

TEMPLATES = Path(__file__).parent.parent / "templates"


class SettingsSites:
    """The site of the catalog in force, made at the first request."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._latest: tuple[Catalog, SettingsSite] | None = None

    def latest(self) -> SettingsSite:
        """Return the site; a new one after the catalog was loaded again."""
        catalog = self._hub.catalog
        if self._latest is None or self._latest[0] is not catalog:
            self._latest = (catalog, SettingsSite(self._hub, str(TEMPLATES)))
        return self._latest[1]


@asgi("/admin", is_mount=True, copy_scope=True, opt={"right": Right.PERSON})
async def settings(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve everything under /admin; the guard has identified the person before."""
    sites: SettingsSites = scope["litestar_app"].state.settings_sites
    inner = dict(scope)  # Litestar cuts the prefix off and ends the path with a slash
    path = f"{scope.get('root_path', '').rstrip('/')}/admin/{scope['path'].strip('/')}"
    inner.update(path=path, raw_path=path.encode())
    with suppress(Exception):  # Starlette raises an error again after it has answered with a page
        await sites.latest().star(inner, receive, send)  # type: ignore[arg-type]
