"""SandboxRequest and answer as every site of the sandbox sees them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class SandboxRequest:
    """A request whose body has arrived completely. Header names are lower case."""

    method: str
    path: str
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def base_url(self) -> str:
        """Return the address that the client used for the sandbox, e.g. http://127.0.0.1:8100."""
        return f"http://{self.headers.get('host', 'sandbox')}"


@dataclass(slots=True)
class SandboxAnswer:
    """Status, body and headers. Content-Length and Date are added when the answer is sent."""

    status: int
    body: bytes = b""
    media: str = "application/json"
    headers: list[tuple[str, str]] = field(default_factory=list)


def json_answer(status: int, content: Any, headers: list[tuple[str, str]] | None = None) -> SandboxAnswer:
    """Return an answer whose body is `content` as JSON."""
    return SandboxAnswer(status, orjson.dumps(content), headers=headers or [])
