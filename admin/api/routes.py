"""Routers of the API: what Litestar describes in the OpenAPI document, and what it leaves out."""

from __future__ import annotations

from litestar import Router

from admin.api import deliveries, expected, failures, health, inbound, jobs, metrics, openapi, pauses, records, refused
from admin.http.parameters import refuse_unknown

DESCRIBED = Router(
    "/",
    route_handlers=[
        deliveries.list_deliveries,
        deliveries.one_delivery,
        deliveries.resend_delivery,
        deliveries.withdraw_delivery,
        failures.list_failures,
        jobs.draft_job,
        jobs.read_job,
        jobs.move_job,
        pauses.list_pauses,
        pauses.begin_pause,
        pauses.end_pause,
        inbound.list_inbound,
        inbound.take_inbound,
        inbound.call_inbound,
        expected.expect_records,
        refused.list_refused,
    ],
    before_request=refuse_unknown,
)
# admin.api.openapi describes `records.hand_in` itself, with a path for each record type.
UNDESCRIBED = Router(
    "/",
    route_handlers=[
        records.hand_in,
        openapi.schema,
        openapi.documentation,
        health.live,
        health.ready,
        health.upstreams,
        metrics.show_metrics,
    ],
    include_in_schema=False,
)
