"""KFA's part of the control API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.kfa.documents import Document
from sandbox.kfa.products import Shelf, UnknownProduct
from sandbox.kfa.settings import Settings
from sandbox.replies import refusal, reply


def control_routes(settings: Settings, shelf: Shelf) -> list[Route]:
    """Routes below /__control/kfa."""
    actions = Actions(settings, shelf)
    return [
        Route("/settings", actions.settings, methods=["GET", "PUT"]),
        Route("/products", actions.add, methods=["POST"]),
        Route("/products/{code}", actions.product, methods=["GET", "PUT"]),
        Route("/products/{code}/withdraw", actions.withdraw, methods=["POST"]),
        Route("/products/{code}/restore", actions.restore, methods=["POST"]),
    ]


class Actions:
    """What a person or a test may do to the dictionary; every change counts as made now."""

    def __init__(self, settings: Settings, shelf: Shelf) -> None:
        self._settings = settings
        self._shelf = shelf

    async def settings(self, request: Request) -> Response:
        """The switches; PUT changes those that are named."""
        if request.method == "PUT":
            wanted: dict[str, Any] = await request.json()
            if unknown := sorted(set(wanted) - set(asdict(self._settings))):
                return refusal(f"no setting {', '.join(unknown)}")
            for name, value in wanted.items():
                setattr(self._settings, name, value)
        return reply(asdict(self._settings))

    async def add(self, request: Request) -> Response:
        """POST {"like": "93...", "name": ...}: a new product after the model of another."""
        wanted: dict[str, Any] = await request.json()
        return _told(lambda: self._shelf.add(str(wanted.pop("like", "")), **wanted))

    async def product(self, request: Request) -> Response:
        """A product; PUT changes the fields that are named, e.g. {"name": ...}."""
        code, wanted = request.path_params["code"], await request.json() if request.method == "PUT" else None
        if wanted is not None:
            return _told(lambda: self._shelf.change(code, **wanted))
        found = self._shelf.get(code)
        return reply(found) if found else refusal(f"no product {code}", 404)

    async def withdraw(self, request: Request) -> Response:
        """POST {"replacement": "93...", "reason": "..."}, both optional."""
        wanted: dict[str, Any] = await request.json() if await request.body() else {}
        reason = str(wanted.get("reason", "Izin edar dicabut"))
        successor = str(wanted.get("replacement", ""))
        return _told(lambda: self._shelf.withdraw(request.path_params["code"], successor, reason))

    async def restore(self, request: Request) -> Response:
        return _told(lambda: self._shelf.restore(request.path_params["code"]))


def _told(act: Callable[[], Document]) -> Response:
    try:
        return reply(act())
    except UnknownProduct as unknown:
        return refusal(f"no product {unknown}", 404)
