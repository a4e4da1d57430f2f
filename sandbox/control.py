"""The control API below /__control, /__stats and /__reset: faults, clock, barriers, people, the witness."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route

from sandbox.faults import Scenario, UnknownFault, presets, scenario
from sandbox.population import people
from sandbox.replies import refusal, reply
from sandbox.server import Server
from sandbox.world import World


def control_routes(world: World, server: Server) -> list[BaseRoute]:
    """Return all routes of the control API."""
    panel = Panel(world, server)
    routes: list[BaseRoute] = [
        Route("/__stats", panel.stats, methods=["GET"]),
        Route("/__log", panel.log, methods=["GET", "PUT"]),
        Route("/__reset", panel.reset, methods=["POST"]),
        Route("/__control/people", panel.people, methods=["GET"]),
        Route("/__control/presets", panel.presets, methods=["GET"]),
        Route("/__control/faults", panel.faults, methods=["GET", "POST", "DELETE"]),
        Route("/__control/faults/{number:int}", panel.remove_fault, methods=["DELETE"]),
        Route("/__control/outage", panel.outage, methods=["GET", "PUT", "DELETE"]),
        Route("/__control/clock", panel.clock, methods=["GET", "PUT"]),
        Route("/__control/latency", panel.latency, methods=["PUT"]),
        Route("/__control/barriers", panel.barriers, methods=["GET"]),
        Route("/__control/barriers/{name}/release", panel.release, methods=["POST"]),
    ]
    routes += [Mount(f"/__control/{site.name}", routes=list(site.control_routes())) for site in world.sites]
    return routes


class Panel:
    """Actions on the sandbox for people and tests."""

    def __init__(self, world: World, server: Server) -> None:
        self._world = world
        self._server = server

    async def stats(self, request: Request) -> Response:
        """Return the witness's figures; ?detail=1 adds one number per identifier and business key."""
        return reply(self._world.witness.summary(detail=bool(request.query_params.get("detail"))))

    async def log(self, request: Request) -> Response:
        """Return the last requests, newest last; PUT {"bodies": true} keeps request bodies from now on."""
        if request.method == "PUT":
            self._world.witness.keep_bodies = bool((await request.json()).get("bodies"))
        last = int(request.query_params.get("last", "100"))
        return reply(list(self._world.witness.log)[-last:] if last > 0 else [])

    async def reset(self, request: Request) -> Response:
        """Return to the initial state; ?only=stats resets just the witness, ?only=faults just the faults."""
        only = request.query_params.get("only")
        if only == "stats":
            self._world.witness.reset()
        elif only == "faults":
            self._world.faults.clear()
        else:
            self._world.reset()
        return reply({"reset": only or "all"})

    async def people(self, request: Request) -> Response:
        """Return the population; ?kind=patient|practitioner|citizen|unknown, ?q= part of name or NIK, ?limit=."""
        parameters = request.query_params
        kind, text, limit = (
            parameters.get("kind", ""),
            parameters.get("q", "").lower(),
            int(parameters.get("limit", "1000")),
        )
        matches = [
            asdict(one) for one in people() if kind in ("", one.kind) and (text in one.name.lower() or text in one.nik)
        ]
        return reply(matches[:limit])

    async def presets(self, request: Request) -> Response:
        return reply(presets())

    async def faults(self, request: Request) -> Response:
        """Return the active scenarios; POST adds one, DELETE removes all."""
        if request.method == "DELETE":
            self._world.faults.clear()
        if request.method == "POST":
            fault = await self._scenario(request)
            if isinstance(fault, Response):
                return fault
            self._world.faults.add(fault)
        return reply(self._world.faults.listing())

    async def remove_fault(self, request: Request) -> Response:
        if not self._world.faults.remove(request.path_params["number"]):
            return refusal("no such scenario", 404)
        return reply(self._world.faults.listing())

    async def outage(self, request: Request) -> Response:
        """PUT a scenario to hit every request with it; DELETE to end the outage."""
        if request.method == "DELETE":
            self._world.faults.end_outage()
        if request.method == "PUT":
            fault = await self._scenario(request)
            if isinstance(fault, Response):
                return fault
            self._world.faults.outage = fault
        standing = self._world.faults.outage
        return reply(asdict(standing) if standing else None)

    async def clock(self, request: Request) -> Response:
        """PUT {"advance": seconds} advances the sandbox's clock, {"skew": seconds} only its Date header."""
        if request.method == "PUT":
            changes: dict[str, Any] = await request.json()
            self._world.clock.advance(float(changes.get("advance", 0)))
            self._world.clock.skew = float(changes.get("skew", self._world.clock.skew))
        return reply({"now": self._world.clock.moment().isoformat(), "skew": self._world.clock.skew})

    async def latency(self, request: Request) -> Response:
        """PUT {"seconds": s} delays every request from now on."""
        self._world.latency = float((await request.json()).get("seconds", 0))
        return reply({"seconds": self._world.latency})

    async def barriers(self, request: Request) -> Response:
        return reply(self._world.barriers.waiting())

    async def release(self, request: Request) -> Response:
        return reply({"released": self._world.barriers[request.path_params["name"]].release()})

    async def _scenario(self, request: Request) -> Scenario | Response:
        try:
            fault = scenario(**(await request.json()))
        except (UnknownFault, TypeError) as wrong:
            return refusal(str(wrong))
        if fault.act and not self._server.knows_act(fault.act):
            return refusal(f"no act {fault.act!r}")
        return fault
