"""A clinic's system that receives the webhooks, and a day of patients with Mobile JKN on their phones."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.requests import Request as ControlRequest
from starlette.responses import Response
from starlette.routing import Route

from sandbox.clinic.day import play
from sandbox.messages import SandboxAnswer, SandboxRequest, json_answer
from sandbox.replies import refusal, reply

SECRET = "demo-rahasia-sistem"  # noqa: S105 - of the demo
FULL = {"metadata": {"code": 201, "message": "Sistem klinik tidak menjawab sendiri"}}


class SandboxClinic:
    """Accepts webhooks at /his/webhook that are signed with the demo's secret, once per id."""

    name = "clinic"
    prefixes: tuple[str, ...] = ("/his/",)

    def __init__(self) -> None:
        self.received: dict[str, Any] = {}

    def answer(self, request: SandboxRequest) -> SandboxAnswer:
        if request.method != "POST" or request.path != "/his/webhook":
            return SandboxAnswer(404)
        body, moment = request.body, request.headers.get("x-antar-timestamp", "")
        signed = hmac.new(SECRET.encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(f"sha256={signed}", request.headers.get("x-antar-signature", "")):
            return json_answer(401, {"message": "signature"})
        content = json.loads(body)
        if content.get("answer") is None:
            return json_answer(200, FULL)
        self.received.setdefault(request.headers.get("x-antar-id", ""), content)
        return json_answer(200, {"taken": True})

    def label(self, method: str, path: str) -> str | None:
        return "webhook"

    def acts(self) -> Mapping[str, Callable[[], None]]:
        return {}

    def reset(self) -> None:
        self.received.clear()

    def control_routes(self) -> Sequence[Route]:
        return [Route("/told", self._received, methods=["GET"]), Route("/phones", self._phones, methods=["POST"])]

    async def _received(self, request: ControlRequest) -> Response:
        """Return the webhooks that the system has received, oldest first."""
        return reply(list(self.received.values()))

    async def _phones(self, request: ControlRequest) -> Response:
        """Let patients call: {"base", "username", "password", "date", "polis": [{"poli", "doctor", "hours"}]}."""
        content: dict[str, Any] = await request.json()
        absent = [name for name in ("base", "username", "password", "date", "polis") if not content.get(name)]
        if absent or not str(content["base"]).startswith("http://127.0.0.1:"):
            return refusal(f"missing: {', '.join(absent)}" if absent else "base: only http://127.0.0.1:PORT/...")
        return reply(await play(**{name: content[name] for name in ("base", "username", "password", "date", "polis")}))
