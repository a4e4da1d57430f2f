"""Request log and durations: one line and one observation per request, by route and never by the address itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
FREQUENT_ROUTES = ("/static/", "/health/")  # requested every few seconds: logged at debug level only
BUCKET_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)

log = structlog.get_logger(__name__)


class Durations:
    """Durations of the requests of this process, for /metrics."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self._seconds = Histogram(
            "antar_http_request_seconds",
            "Duration of HTTP requests by route.",
            ["method", "route", "status"],
            buckets=BUCKET_SECONDS,
            registry=self.registry,
        )

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        self._seconds.labels(method, route, f"{status // 100}xx").observe(seconds)


class RequestLog:
    """Outermost layer of the application: logs and measures each request. `clock` returns seconds."""

    def __init__(self, app: ASGIApp, durations: Durations, clock: Callable[[], float] = time.perf_counter) -> None:
        self._app = app
        self._durations = durations
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = self._clock(), 500

        async def note_status(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, note_status)
        finally:
            self._record(scope, status, self._clock() - begun)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in METHODS else "other"
        route = route_of(scope)
        self._durations.observe(method, route, status, seconds)
        write = log.debug if route.startswith(FREQUENT_ROUTES) else log.info
        write(
            "request", method=method, route=route, status=status, milliseconds=round(seconds * 1000), **_caller(scope)
        )


def route_of(scope: Mapping[str, Any]) -> str:
    """Return the pattern that the address matched; the address itself may hold a patient's number."""
    return str(scope.get("path_template") or "unmatched")


def _caller(scope: Scope) -> dict[str, str | int]:
    state = scope.get("state") or {}
    caller: dict[str, str | int] = {}
    if "facility" in state:
        caller["facility"] = state["facility"].code
    if "person" in state:
        caller["person"] = state["person"].id
    return caller
