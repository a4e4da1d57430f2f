"""Callers of the clinic: credentials buy a token, the token opens the other routes, and the rate is limited."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException, NotFoundException

from admin.http.throttle import Throttle
from engine.errors import NotFound
from engine.facilities.facilities import FacilityRow, by_code, credentials
from engine.hub import Hub
from engine.inbound import tokens
from engine.specs.inbound import Inbound

Connection = ASGIConnection[Any, Any, Any, Any]

PACE_MS = 60_000  # window in which requests are counted
MAX_FULL_RATE_CLINICS = 10  # clinics that one address may call at the full rate


class Refusal(Exception):
    """A refusal in the caller's envelope: `word` selects its text, `field` is the field that it names."""

    def __init__(self, word: str, field: str = "", status: int = 200) -> None:
        super().__init__(word)
        self.word = word
        self.field = field
        self.status = status


@dataclass(frozen=True, slots=True)
class Callee:
    """The clinic that is called, and the service."""

    facility: FacilityRow
    inbound: Inbound
    credentials: Mapping[str, str]


class CallerLimits:
    """Limits of callers: requests per minute and guesses of credentials. One instance per application."""

    def __init__(self, throttle: Throttle, pace: Throttle) -> None:
        self._throttle = throttle
        self._pace = pace

    def slow_down(self, inbound: Inbound, code: str, address: str) -> None:
        """Raise Refusal if the address calls more often than the service allows."""
        if self._pace.admit(code, address, inbound.per_minute, inbound.per_minute * MAX_FULL_RATE_CLINICS):
            raise Refusal("busy", status=429)

    def log_in(self, callee: Callee, address: str, username: str, password: str) -> None:
        """Raise Refusal unless the credentials are the clinic's. Repeated guesses have to wait."""
        name = f"{callee.inbound.account}:{callee.facility.code}"
        if self._throttle.admit(name, address):
            raise Refusal("busy", status=429)
        if not tokens.is_login(callee.credentials, username, password):
            raise Refusal("login")
        self._throttle.succeeded(name, address)


def hub_of(connection: Connection) -> Hub:
    hub: Hub = connection.app.state.hub
    return hub


def service(hub: Hub) -> Inbound:
    """Return the service that the configuration declares; raise 404 if there is none."""
    for inbound in hub.catalog.inbound.values():
        return inbound
    raise NotFoundException("no inbound service is declared")


def address_of(connection: Connection) -> str:
    return connection.client.host if connection.client else ""


async def find(connection: Connection) -> Callee:
    """Return the clinic that the URL names, and count the request; an unknown code is refused like a wrong token."""
    hub, code = hub_of(connection), str(connection.path_params["code"])
    inbound = service(hub)
    connection.app.state.caller_limits.slow_down(inbound, code, address_of(connection))
    try:
        facility = await by_code(hub.database, code)
    except NotFound as error:
        raise Refusal("token") from error
    return Callee(facility, inbound, await credentials(hub.database, hub.vault, facility.id, inbound.account))


async def authorize(connection: Connection) -> None:
    """Raise Refusal unless the token is valid and belongs to the user name."""
    hub = hub_of(connection)
    if not hub.catalog.inbound:
        raise NotAuthorizedException("no inbound service is declared")
    callee = await find(connection)
    is_user = tokens.same(callee.credentials.get("username", ""), connection.headers.get("x-username", ""))
    is_valid = tokens.is_good(
        hub.settings.secret_keys[0],
        callee.inbound.account,
        callee.facility.id,
        callee.credentials,
        connection.headers.get("x-token", ""),
        hub.database.clock(),
    )
    if not (is_user and is_valid and callee.credentials):
        raise Refusal("token")
    connection.scope["state"]["callee"] = callee


def callee(request: Connection) -> Callee:
    """Return the clinic that the token belongs to (a dependency)."""
    called: Callee = request.scope["state"]["callee"]
    return called
