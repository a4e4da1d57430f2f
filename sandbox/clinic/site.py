"""A clinic's system that is told what callers asked, and a day of patients with Mobile JKN on their phones."""

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
from sandbox.messages import Answer, Request, json_answer
from sandbox.replies import refusal, reply

SECRET = "demo-rahasia-sistem"  # noqa: S105 - of the demo
FULL = {"metadata": {"code": 201, "message": "Sistem klinik tidak menjawab sendiri"}}


class ClinicSystem:
    """Takes at /his/webhook what is signed with the demo's secret, each id once."""

    name = "clinic"
    prefixes: tuple[str, ...] = ("/his/",)

    def __init__(self) -> None:
        self.told: dict[str, Any] = {}

    def answer(self, request: Request) -> Answer:
        if request.method != "POST" or request.path != "/his/webhook":
            return Answer(404)
        body, moment = request.body, request.headers.get("x-antar-timestamp", "")
        signed = hmac.new(SECRET.encode(), moment.encode() + b"." + body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(f"sha256={signed}", request.headers.get("x-antar-signature", "")):
            return json_answer(401, {"message": "signature"})
        content = json.loads(body)
        if content.get("answer") is None:
            return json_answer(200, FULL)
        self.told.setdefault(request.headers.get("x-antar-id", ""), content)
        return json_answer(200, {"taken": True})

    def label(self, method: str, path: str) -> str | None:
        return "webhook"

    def acts(self) -> Mapping[str, Callable[[], None]]:
        return {}

    def reset(self) -> None:
        self.told.clear()

    def control_routes(self) -> Sequence[Route]:
        return [Route("/told", self._told, methods=["GET"]), Route("/phones", self._phones, methods=["POST"])]

    async def _told(self, request: ControlRequest) -> Response:
        """What the system was told, the oldest first."""
        return reply(list(self.told.values()))

    async def _phones(self, request: ControlRequest) -> Response:
        """Let patients call: {"base", "username", "password", "date", "polis": [{"poli", "doctor", "hours"}]}."""
        wanted: dict[str, Any] = await request.json()
        absent = [name for name in ("base", "username", "password", "date", "polis") if not wanted.get(name)]
        if absent or not str(wanted["base"]).startswith("http://127.0.0.1:"):
            return refusal(f"missing: {', '.join(absent)}" if absent else "base: only http://127.0.0.1:PORT/...")
        return reply(await play(**{name: wanted[name] for name in ("base", "username", "password", "date", "polis")}))
