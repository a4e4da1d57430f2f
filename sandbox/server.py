"""Entry point of every request: counts it, applies a fault, or passes it to its site."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from time import perf_counter

from starlette.types import Receive, Scope, Send

from sandbox.faults import Scenario
from sandbox.messages import SandboxAnswer, SandboxRequest
from sandbox.reply_writer import ReplyWriter
from sandbox.site import Site
from sandbox.world import World


class Server:
    """An ASGI application over all sites of a world."""

    def __init__(self, world: World) -> None:
        self._by_prefix = {prefix: site for site in world.sites for prefix in site.prefixes}
        self._acts = _all_acts(world.sites)
        self._world = world
        self._faults = world.faults
        self._witness = world.witness
        self._clock = world.clock
        self._barriers = world.barriers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = _head(scope)
        site = self._site(request.path)
        label = (site.label(request.method, request.path) if site else None) or "other"
        started = perf_counter()
        self._witness.arrive(request.method, label)
        end, body = "cancelled", b""
        try:
            writer = ReplyWriter(scope, receive, send, self._clock)
            body, cut = await self._read(request, receive)
            end = "reset in the request" if cut else await self._serve(request, body, label, site, writer)
            if cut:
                await writer.cut_off()
        except asyncio.CancelledError:
            return  # the embedded server ends: the connection is closed already
        finally:
            line = _log_line(request, label, end, self._clock.now(), perf_counter() - started)
            self._witness.leave(line, body)

    def _site(self, path: str) -> Site | None:
        return next((site for prefix, site in self._by_prefix.items() if path.startswith(prefix)), None)

    async def _read(self, request: SandboxRequest, receive: Receive) -> tuple[bytes, bool]:
        """Return the request body, and True if a fault cuts it."""
        fault = self._faults.before_body(request) if self._faults.in_force else None
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if fault is not None and len(body) >= (fault.request_bytes or 0):
                return body, True
            if not message.get("more_body", False):
                return body, False

    async def _serve(
        self, head: SandboxRequest, body: bytes, label: str, site: Site | None, writer: ReplyWriter
    ) -> str:
        request = SandboxRequest(head.method, head.path, head.query, head.headers, body)
        if request.method == "POST":
            self._witness.read(label, body)
        if self._world.latency:
            await asyncio.sleep(self._world.latency)
        fault = self._faults.take(request) if self._faults.in_force else None
        if fault is not None:
            answer = await self._struck(request, site, fault)
            return await writer.send_struck(answer, fault)
        answer = site.answer(request) if site else SandboxAnswer(404)
        await writer.send(answer)
        return str(answer.status)

    async def _struck(self, request: SandboxRequest, site: Site | None, fault: Scenario) -> SandboxAnswer:
        if fault.act:
            self._acts[fault.act]()
        if fault.latency:
            await asyncio.sleep(fault.latency)
        if fault.barrier and fault.barrier_at == "before":
            await self._barriers[fault.barrier].wait()
        answer = site.answer(request) if site and fault.commit else SandboxAnswer(200)
        if fault.barrier and fault.barrier_at == "after":
            await self._barriers[fault.barrier].wait()
        return _replaced(answer, fault)

    def knows_act(self, act: str) -> bool:
        return act in self._acts


def _head(scope: Scope) -> SandboxRequest:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    query = scope["query_string"].decode("latin-1")
    return SandboxRequest(scope["method"], scope["path"], query, headers)


def _all_acts(sites: Sequence[Site]) -> Mapping[str, Callable[[], None]]:
    return {f"{site.name}.{name}": act for site in sites for name, act in site.acts().items()}


def _replaced(answer: SandboxAnswer, fault: Scenario) -> SandboxAnswer:
    """Return the answer with the fault's status, headers and body in place of the site's.

    A success that hides the stored resource ("suppressed", "empty 201") does not hide a refusal.
    """
    if fault.commit and fault.status is not None and fault.status < 300 <= answer.status:
        return answer
    if fault.status is not None:
        answer.status = fault.status
    if fault.text is not None:
        answer.body = fault.text.encode()
    if fault.media is not None:
        answer.media = fault.media
    if fault.keep_bytes is not None:
        answer.body = answer.body[: fault.keep_bytes]
    answer.headers.extend(fault.headers.items())
    return answer


def _log_line(request: SandboxRequest, label: str, end: str, at: float, seconds: float) -> dict[str, object]:
    return {
        "at": round(at, 3),
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "label": label,
        "status": end,
        "seconds": round(seconds, 6),
    }
