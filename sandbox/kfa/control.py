"""KFA's part of the control API."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.kfa.documents import Document
from sandbox.kfa.products import ProductStore, UnknownProduct
from sandbox.kfa.settings import KfaSettings
from sandbox.replies import refusal, reply


def control_routes(settings: KfaSettings, products: ProductStore) -> list[Route]:
    """Return the routes below /__control/kfa."""
    actions = KfaActions(settings, products)
    return [
        Route("/settings", actions.settings, methods=["GET", "PUT"]),
        Route("/products", actions.add, methods=["POST"]),
        Route("/products/{code}", actions.product, methods=["GET", "PUT"]),
        Route("/products/{code}/withdraw", actions.withdraw, methods=["POST"]),
        Route("/products/{code}/restore", actions.restore, methods=["POST"]),
    ]


class KfaActions:
    """KfaActions on the dictionary for people and tests; every change counts as made now."""

    def __init__(self, settings: KfaSettings, products: ProductStore) -> None:
        self._settings = settings
        self._products = products

    async def settings(self, request: Request) -> Response:
        """Return the settings; PUT changes the named ones."""
        if request.method == "PUT":
            fields: dict[str, Any] = await request.json()
            if unknown := sorted(set(fields) - set(asdict(self._settings))):
                return refusal(f"no setting {', '.join(unknown)}")
            for name, value in fields.items():
                setattr(self._settings, name, value)
        return reply(asdict(self._settings))

    async def add(self, request: Request) -> Response:
        """POST {"like": "93...", "name": ...}: add a product modelled on another."""
        fields: dict[str, Any] = await request.json()
        return _reply(lambda: self._products.add(str(fields.pop("like", "")), **fields))

    async def product(self, request: Request) -> Response:
        """Return a product; PUT changes the named fields, e.g. {"name": ...}."""
        code, fields = request.path_params["code"], await request.json() if request.method == "PUT" else None
        if fields is not None:
            return _reply(lambda: self._products.change(code, **fields))
        product = self._products.get(code)
        return reply(product) if product else refusal(f"no product {code}", 404)

    async def withdraw(self, request: Request) -> Response:
        """POST {"replacement": "93...", "reason": "..."}, both optional."""
        fields: dict[str, Any] = await request.json() if await request.body() else {}
        reason = str(fields.get("reason", "Izin edar dicabut"))
        successor = str(fields.get("replacement", ""))
        return _reply(lambda: self._products.withdraw(request.path_params["code"], successor, reason))

    async def restore(self, request: Request) -> Response:
        return _reply(lambda: self._products.restore(request.path_params["code"]))


def _reply(act: Callable[[], Document]) -> Response:
    try:
        return reply(act())
    except UnknownProduct as unknown:
        return refusal(f"no product {unknown}", 404)
