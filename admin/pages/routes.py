"""Router of all pages. They are for people: none of them is in the OpenAPI document."""

from __future__ import annotations

from litestar import Router

from admin.http import language
from admin.pages import (
    account,
    code_lists,
    corrections,
    first_run,
    health,
    identity,
    inbound_request,
    inbound_requests,
    login,
    pauses,
    setup,
    switch_facility,
)
from admin.pages.dashboard import routes as dashboard
from admin.pages.deliveries import routes as deliveries
from admin.pages.integrator import routes as integrator
from admin.pages.jobs import routes as jobs
from admin.pages.mapping import routes as mapping
from admin.pages.problems import routes as problems
from admin.pages.shared import layout
from admin.pages.sources import routes as sources
from admin.pages.views import routes as views
from admin.pages.visits import routes as visits

ROUTES = [
    login.login_page,
    login.login,
    login.logout,
    account.account_page,
    account.change_password,
    first_run.begin_page,
    first_run.begin,
    switch_facility.switch,
    language.choose,
    layout.live_status_line,
    health.health_page,
    health.health_facts,
    health.try_connection,
    identity.identity_page,
    identity.open_identity_check,
    corrections.correction_page,
    corrections.resend_affected,
    code_lists.lists_page,
    code_lists.list_page,
    code_lists.list_state,
    code_lists.read_list,
    inbound_requests.inbound_page,
    pauses.pauses_page,
    pauses.begin_pause,
    pauses.end_pause,
    pauses.write_note,
    pauses.remove_note,
    setup.live_steps,
    setup.go,
    inbound_request.request_page,
]
ROUTER = Router(
    "/",
    route_handlers=[
        *ROUTES,
        *dashboard.ROUTES,
        *deliveries.ROUTES,
        *integrator.ROUTES,
        *jobs.ROUTES,
        *mapping.ROUTES,
        *problems.ROUTES,
        *sources.ROUTES,
        *visits.ROUTES,
        *views.ROUTES,
    ],
    include_in_schema=False,
)
