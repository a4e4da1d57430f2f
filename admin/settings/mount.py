"""Mount of SQLAdmin under /admin in the Litestar application."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from litestar import asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import Receive, Scope, Send

from admin.http.access import Right
from admin.settings.site import SettingsSite
from engine.catalog.catalog import Catalog
from engine.hub import Hub

TEMPLATES = Path(__file__).parent.parent / "templates"


def mounted(hub: Hub) -> ASGIRouteHandler:
    """Return the handler of everything under /admin; the guard has identified the person before."""
    site = _latest(hub)

    @asgi("/admin", is_mount=True, copy_scope=True, opt={"right": Right.PERSON})
    async def settings(scope: Scope, receive: Receive, send: Send) -> None:
        inner = dict(scope)  # Litestar cuts the prefix off and ends the path with a slash
        path = f"{scope.get('root_path', '').rstrip('/')}/admin/{scope['path'].strip('/')}"
        inner.update(path=path, raw_path=path.encode())
        with suppress(Exception):  # Starlette raises an error again after it has answered with a page
            await site().star(inner, receive, send)  # type: ignore[arg-type]

    return settings


def _latest(hub: Hub) -> Callable[[], SettingsSite]:
    """Return a function that returns the site of the catalog in force, made at the first call."""
    current: tuple[Catalog, SettingsSite] | None = None

    def latest() -> SettingsSite:
        nonlocal current
        if current is None or current[0] is not hub.catalog:
            current = (hub.catalog, SettingsSite(hub, str(TEMPLATES)))
        return current[1]

    return latest
