"""Where Litestar hands a request over to SQLAdmin."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from litestar import asgi
from litestar.handlers import ASGIRouteHandler
from litestar.types import Receive, Scope, Send

from admin.http.access import Right
from admin.settings.site import Site
from engine.catalog.catalog import Catalog
from engine.hub import Hub

TEMPLATES = Path(__file__).parent.parent / "templates"


def mounted(hub: Hub) -> ASGIRouteHandler:
    """The handler of everything under /admin; who is logged in is known when it is called."""
    site = _latest(hub)

    @asgi("/admin", is_mount=True, copy_scope=True, opt={"right": Right.PERSON})
    async def settings(scope: Scope, receive: Receive, send: Send) -> None:
        inner = dict(scope)  # Litestar cuts the prefix off and ends the path with a slash
        path = f"{scope.get('root_path', '').rstrip('/')}/admin/{scope['path'].strip('/')}"
        inner.update(path=path, raw_path=path.encode())
        with suppress(Exception):  # Starlette has answered with a page that says so, and raises it once more
            await site().star(inner, receive, send)  # type: ignore[arg-type]

    return settings


def _latest(hub: Hub) -> Callable[[], Site]:
    """The site of the catalog in force, made when it is first asked for."""
    made: tuple[Catalog, Site] | None = None

    def latest() -> Site:
        nonlocal made
        if made is None or made[0] is not hub.catalog:
            made = (hub.catalog, Site(hub, str(TEMPLATES)))
        return made[1]

    return latest
