"""What a world in the box must offer to be served beside the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from starlette.routing import Route

from sandbox.messages import Answer, Request


class Site(Protocol):
    """One simulated system. Answering is plain in-memory work and never waits."""

    name: str
    prefixes: tuple[str, ...]
    """The beginnings of the paths that belong to it."""

    def answer(self, request: Request) -> Answer: ...

    def label(self, method: str, path: str) -> str | None:
        """Under which word the witness counts a request, e.g. the resource type or "token"."""
        ...

    def acts(self) -> Mapping[str, Callable[[], None]]:
        """What a fault scenario can make happen here, by name, e.g. "expire-tokens"."""
        ...

    def control_routes(self) -> Sequence[Route]:
        """Its part of the control API, below /__control/<name>."""
        ...

    def reset(self) -> None: ...
