"""Puts the web application together: API, pages, settings, and the layers around them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from litestar import Litestar, Router
from litestar.config.app import AppConfig
from litestar.datastructures import State
from litestar.di import Provide
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.template import TemplateConfig
from starlette.middleware.sessions import SessionMiddleware
from starlette.types import ASGIApp

from admin.api import routes as api
from admin.http import access
from admin.http.access import Right
from admin.http.admission import BodyBudget
from admin.http.callers import PACE_MS, CallerLimits
from admin.http.csrf import OriginGuard
from admin.http.language import Language
from admin.http.request_log import Durations, RequestLog
from admin.http.security_headers import SecurityHeaders
from admin.http.static_files import static_files
from admin.http.throttle import Throttle
from admin.inbound import routes as inbound
from admin.pages import errors
from admin.pages import routes as pages
from admin.pages.mapping.spreadsheet import Sheets
from admin.pages.sources.slots import LookSlots
from admin.settings.mount import SettingsSites, settings
from admin.text import words
from engine.hub import Hub
from engine.recent_facts import RecentFacts

FOLDER = Path(__file__).parent


def create_app(hub: Hub, application: Litestar | None = None) -> ASGIApp:
    """Return the whole application for one hub, which the caller closes.

    `application` has the routes already; what it served before ends.
    """
    application = application or litestar_app()
    application.state.update(_shared(hub))
    secure = hub.settings.environment == "production"
    with_session = SessionMiddleware(
        application,  # type: ignore[arg-type]
        secret_key=hashlib.sha256(b"session:" + hub.settings.secret_keys[0].encode()).hexdigest(),
        session_cookie="__Host-antar" if secure else "antar",
        max_age=access.IDLE_MS // 1000,
        same_site="lax",
        https_only=secure,
    )
    return RequestLog(SecurityHeaders(Language(OriginGuard(with_session))), application.state.durations)


def _shared(hub: Hub) -> dict[str, Any]:
    """Return the objects that all requests share, by the names of the application's state and of PROVIDED."""
    clock = hub.database.clock
    return {
        "hub": hub,
        "throttle": Throttle(clock),
        "caller_limits": CallerLimits(Throttle(clock), Throttle(clock, PACE_MS)),
        "recent_facts": RecentFacts(),
        "durations": Durations(),
        "budget": BodyBudget(),
        "sheets": Sheets(),
        "look_slots": LookSlots(),
        "settings_sites": SettingsSites(hub),
    }


def litestar_app() -> Litestar:
    """Return the routes of all folders, each with the right that it asks for; `create_app` gives them their state."""
    return Litestar(
        route_handlers=[
            api.DESCRIBED,
            api.UNDESCRIBED,
            inbound.ROUTER,
            pages.ROUTER,
            settings,
            static_files(),
        ],
        dependencies=_dependencies(),
        guards=[access.authorize],
        after_exception=[errors.add_frame],
        exception_handlers=errors.HANDLERS,
        template_config=TemplateConfig(
            directory=FOLDER / "templates", engine=JinjaTemplateEngine, engine_callback=_equip
        ),
        openapi_config=OpenAPIConfig(
            title="Antar",
            version="1.2.0",
            use_handler_docstrings=True,
            render_plugins=[JsonRenderPlugin(path="/openapi.json")],
            openapi_router=Router("/schema/routes", route_handlers=[], opt={"right": Right.OPEN}),
        ),
        on_app_init=[_without_litestar_logging],
    )


PROVIDED = ("hub", "throttle", "recent_facts", "durations", "budget", "look_slots")  # what handlers may ask for by name


def _dependencies() -> dict[str, Provide]:
    of_request = {"facility": access.facility, "person": access.person, "confined_to": access.confined_to}
    return {
        **{name: _from_state(name) for name in PROVIDED},
        **{name: Provide(provide, sync_to_thread=False) for name, provide in of_request.items()},
    }


def _from_state(name: str) -> Provide:
    def provide(state: State) -> Any:
        return state[name]

    return Provide(provide, sync_to_thread=False)


def _without_litestar_logging(config: AppConfig) -> AppConfig:
    """Switch off Litestar's own logging, which would print requests; admin.http.api_errors logs what matters."""
    config.logging_config = None
    return config


def _equip(engine: JinjaTemplateEngine) -> None:
    words.equip(engine.engine)
