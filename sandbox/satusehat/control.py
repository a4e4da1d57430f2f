"""SatuSehat's part of the control API."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.replies import refusal, reply
from sandbox.satusehat.platform import Platform
from sandbox.satusehat.resources.clients import Client


def control_routes(platform: Platform) -> list[Route]:
    """Return the routes below /__control/satusehat."""
    actions = SatuSehatActions(platform)
    return [
        Route("/settings", actions.settings, methods=["GET", "PUT"]),
        Route("/clients", actions.clients, methods=["GET", "POST"]),
        Route("/tokens/expire", actions.expire, methods=["POST"]),
        Route("/resources", actions.seed, methods=["POST"]),
        Route("/resources/{kind}", actions.resources, methods=["GET"]),
        Route("/twins", actions.twins, methods=["POST"]),
    ]


class SatuSehatActions:
    """SatuSehatActions on the platform for people and tests."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    async def settings(self, request: Request) -> Response:
        """Return the settings; PUT changes the named ones."""
        switches = self._platform.settings
        if request.method == "PUT":
            fields: dict[str, Any] = await request.json()
            if unknown := sorted(set(fields) - set(asdict(switches))):
                return refusal(f"no setting {', '.join(unknown)}")
            for name, value in fields.items():
                setattr(switches, name, value)
        return reply(asdict(switches))

    async def clients(self, request: Request) -> Response:
        """Return all clients that may ask for a token; POST adds one."""
        if request.method == "POST":
            fields: dict[str, Any] = await request.json()
            types = fields.pop("types", None)
            try:
                client = Client(**fields, types=frozenset(types) if types is not None else None)
            except TypeError as wrong:
                return refusal(str(wrong))
            self._platform.register(client)
        return reply([_client(one) for one in self._platform.tokens.clients.values()])

    async def expire(self, request: Request) -> Response:
        self._platform.tokens.expire_all()
        return reply({"expired": True})

    async def seed(self, request: Request) -> Response:
        """Store a list of resources under their own ids, unchecked; ?owner= names the organization."""
        listed: list[dict[str, Any]] = await request.json()
        if any("id" not in one or "resourceType" not in one for one in listed):
            return refusal("every resource needs resourceType and id")
        for resource in listed:
            self._platform.seed(resource, request.query_params.get("owner", ""))
        return reply({"stored": len(listed)})

    async def resources(self, request: Request) -> Response:
        """Return all resources of a type, unmasked."""
        stored = self._platform.store.of_type(request.path_params["kind"])
        return reply([one.resource for one in stored])

    async def twins(self, request: Request) -> Response:
        fields: dict[str, Any] = await request.json()
        try:
            return reply({"number": self._platform.add_twin(str(fields.get("nik")))})
        except StopIteration:
            return refusal("nobody with a number has this NIK")


def _client(client: Client) -> dict[str, Any]:
    types = sorted(client.types) if client.types is not None else None
    return {**asdict(client), "types": types, "secret": "***"}
