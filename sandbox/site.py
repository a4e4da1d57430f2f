"""Interface of a simulated system, so that several can be served side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from starlette.routing import Route

from sandbox.messages import SandboxAnswer, SandboxRequest


class Site(Protocol):
    """One simulated system. Answering is plain in-memory work and never waits."""

    name: str
    prefixes: tuple[str, ...]  # beginnings of the paths that belong to this site

    def answer(self, request: SandboxRequest) -> SandboxAnswer: ...

    def label(self, method: str, path: str) -> str | None:
        """Return the word under which the witness counts a request, e.g. the resource type or "token"."""
        ...

    def acts(self) -> Mapping[str, Callable[[], None]]:
        """Return the actions that a fault scenario can trigger here, by name, e.g. "expire-tokens"."""
        ...

    def control_routes(self) -> Sequence[Route]:
        """Return this site's part of the control API, below /__control/<name>."""
        ...

    def reset(self) -> None: ...
