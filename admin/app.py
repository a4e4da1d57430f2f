"""Puts the web application together: API, pages, health, and the rules around all of them."""

from __future__ import annotations

import hashlib
from pathlib import Path

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

from admin.api import deliveries, openapi, records
from admin.api import inbound as inbound_api
from admin.api.health import live, ready, upstreams
from admin.api.metrics import show_metrics
from admin.http import access, errors, language
from admin.http.access import Right
from admin.http.admission import BodyBudget
from admin.http.callers import PACE, Doors
from admin.http.csrf import OriginGuard
from admin.http.language import Language
from admin.http.request_log import Durations, Traffic
from admin.http.security_headers import SecurityHeaders
from admin.http.static_files import static_files
from admin.http.throttle import Throttle
from admin.inbound import routes
from admin.pages import code_lists, corrections, first_run, health, inbound_requests, login
from admin.pages.dashboard import dashboard
from admin.pages.dashboard.todo import Recent
from admin.pages.deliveries import (
    actions,
    editor,
    export,
    failure_groups,
    job_tabs,
    listing,
    outcome,
    page,
    quick_resend,
    reveal,
)
from admin.pages.jobs import jobs, regenerate
from admin.pages.mapping import after_confirm, code, confirm, item, lists, table, upload
from admin.pages.mapping.spreadsheet import Sheets
from admin.pages.shared import layout, switch_facility
from admin.settings.mount import mounted
from admin.text import words
from engine.hub import Hub

HERE = Path(__file__).parent


def create_app(hub: Hub) -> ASGIApp:
    """The whole application around one hub, which stays the caller's to close."""
    routes = litestar_app(hub)
    secure = hub.settings.environment == "production"
    app = SessionMiddleware(
        routes,  # type: ignore[arg-type]
        secret_key=hashlib.sha256(b"session:" + hub.settings.secret_keys[0].encode()).hexdigest(),
        session_cookie="__Host-antar" if secure else "antar",
        max_age=access.IDLE_LIFE // 1000,
        same_site="lax",
        https_only=secure,
    )
    return Traffic(SecurityHeaders(Language(OriginGuard(app))), routes.state.durations)


def litestar_app(hub: Hub) -> Litestar:
    """The routes, each with the right it asks for."""
    throttle, durations, recent = Throttle(hub.database.clock), Durations(), Recent()
    budget = BodyBudget()
    doors = Doors(Throttle(hub.database.clock), Throttle(hub.database.clock, PACE))
    return Litestar(
        route_handlers=[
            records.hand_in,
            deliveries.list_deliveries,
            deliveries.one_delivery,
            deliveries.resend_delivery,
            inbound_api.list_inbound,
            inbound_api.take_inbound,
            inbound_api.call_inbound,
            routes.ROUTER,
            openapi.schema,
            live,
            ready,
            upstreams,
            show_metrics,
            login.login_page,
            login.login,
            login.logout,
            first_run.begin_page,
            first_run.begin,
            switch_facility.switch,
            language.choose,
            dashboard.home,
            dashboard.dashboard,
            dashboard.live_cards,
            regenerate.regenerate_page,
            regenerate.begin_regenerate,
            corrections.correction_page,
            corrections.resend_affected,
            layout.live_strip,
            health.health_page,
            health.health_facts,
            health.try_connection,
            code_lists.lists_page,
            code_lists.list_page,
            code_lists.list_state,
            code_lists.read_list,
            inbound_requests.inbound_page,
            lists.mapping_page,
            lists.figures,
            code.code_page,
            item.item_page,
            item.offers,
            item.choice,
            confirm.confirm_code,
            confirm.remove_code,
            upload.files_page,
            upload.sample,
            upload.preview_items,
            upload.store_items,
            table.export_mappings,
            table.preview_mappings,
            table.import_mappings,
            after_confirm.resend_outdated,
            failure_groups.all_problems,
            failure_groups.type_problems,
            jobs.choose,
            jobs.jobs_page,
            jobs.job_page,
            jobs.progress,
            jobs.move_job,
            job_tabs.monitoring,
            listing.type_page,
            listing.changes,
            quick_resend.resend_soon,
            quick_resend.undo,
            export.export,
            page.delivery_page,
            outcome.state,
            actions.resend_delivery,
            actions.ignore_delivery,
            reveal.reveal,
            editor.editor_page,
            editor.check_body,
            editor.save_body,
            mounted(hub),
            static_files(),
        ],
        dependencies={
            "hub": Provide(lambda: hub, sync_to_thread=False),
            "throttle": Provide(lambda: throttle, sync_to_thread=False),
            "facility": Provide(access.facility, sync_to_thread=False),
            "person": Provide(access.person, sync_to_thread=False),
            "confined_to": Provide(access.confined_to, sync_to_thread=False),
            "recent": Provide(lambda: recent, sync_to_thread=False),
            "durations": Provide(lambda: durations, sync_to_thread=False),
            "budget": Provide(lambda: budget, sync_to_thread=False),
        },
        guards=[access.authorize],
        exception_handlers=errors.HANDLERS,
        template_config=TemplateConfig(
            directory=HERE / "templates", engine=JinjaTemplateEngine, engine_callback=_speak
        ),
        openapi_config=OpenAPIConfig(
            title="Antar",
            version="1",
            render_plugins=[JsonRenderPlugin(path="/openapi.json")],
            openapi_router=Router("/schema/routes", route_handlers=[], opt={"right": Right.OPEN}),
        ),
        on_app_init=[_quiet],
        state=State({"hub": hub, "durations": durations, "doors": doors, "sheets": Sheets()}),
    )


def _quiet(config: AppConfig) -> AppConfig:
    """Litestar's own logging would print requests; what is logged is said in admin.http.api_errors."""
    config.logging_config = None
    return config


def _speak(engine: JinjaTemplateEngine) -> None:
    engine.engine.globals.update(words.GLOBALS)
