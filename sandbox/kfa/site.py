"""KFA as a site of the sandbox: product list, product by code, price list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from starlette.routing import Route

from sandbox.clock import Clock
from sandbox.kfa.control import control_routes
from sandbox.kfa.documents import Document
from sandbox.kfa.prices import REGIONS, price
from sandbox.kfa.products import ProductStore
from sandbox.kfa.queries import Filter, ProductQuery
from sandbox.kfa.settings import KfaSettings
from sandbox.messages import SandboxAnswer, SandboxRequest, json_answer
from sandbox.satusehat.tokens import IssuedTokens

PATHS = {
    "/kfa-v2/products/all": "kfa/products",
    "/kfa-v2/products": "kfa/product",
    "/kfa/farmalkes-price-jkn": "kfa/prices",
}


class Kfa:
    """The dictionary of medicines; requests carry SatuSehat's bearer token."""

    name = "kfa"
    prefixes: tuple[str, ...] = ("/kfa-v2/", "/kfa/")

    def __init__(self, clock: Clock, tokens: IssuedTokens) -> None:
        self.settings = KfaSettings()
        self.products = ProductStore(clock, self.settings)
        self._tokens = tokens
        self._answers = {"kfa/products": self._products, "kfa/product": self._product, "kfa/prices": self._prices}

    def answer(self, request: SandboxRequest) -> SandboxAnswer:
        client = self._tokens.bearer(request)
        if isinstance(client, SandboxAnswer):
            return client
        part = self.label(request.method, request.path)
        if part is None or request.method != "GET":
            return SandboxAnswer(404 if part is None else 405)
        query = ProductQuery(request.query)
        answer = self._answers[part](query)
        return query.refusal() if query.faults else answer

    def label(self, method: str, path: str) -> str | None:
        return PATHS.get(path.rstrip("/"))

    def acts(self) -> Mapping[str, Callable[[], None]]:
        return {}

    def control_routes(self) -> Sequence[Route]:
        return control_routes(self.settings, self.products)

    def reset(self) -> None:
        """Return to the initial state, settings included."""
        fresh = KfaSettings()
        for name in fresh.__slots__:
            setattr(self.settings, name, getattr(fresh, name))
        self.products.clear()

    def _products(self, query: ProductQuery) -> SandboxAnswer:
        page, size = query.number("page"), query.number("size", largest=self.settings.largest_page)
        kind = query.required("product_type", ("farmasi", "alkes"))
        days = {name: query.day(name) for name in ("from_date", "to_date")}
        filters = Filter(
            **days,
            keyword=query.text("keyword").lower(),
            template=query.text("template_code"),
            pack=query.text("packaging_code"),
            kind=query.text("farmalkes_type"),
        )
        start = (page - 1) * size
        none: tuple[int, list[Document]] = (0, [])
        drugs = kind == "farmasi" and not query.faults
        total, documents = (
            self.products.listed(filters.fits_product, filters.fits, start, start + size) if drugs else none
        )
        return json_answer(200, {"total": total, "page": page, "size": size, "items": self._items(documents)})

    def _product(self, query: ProductQuery) -> SandboxAnswer:
        kind, code = query.required("identifier", ("kfa", "nie", "lkpp")), query.required("code")
        product = self._by(kind, code) if not query.faults else None
        content = {"search_code": code, "search_identifier": kind if product else "-", "result": product}
        return json_answer(200, content)

    def _by(self, kind: str, code: str) -> Document | None:
        return self.products.get(code) if kind == "kfa" else self.products.registered(code) if kind == "nie" else None

    def _prices(self, query: ProductQuery) -> SandboxAnswer:
        page, limit = query.number("page", 1), query.number("limit", 10, self.settings.largest_page)
        code, region = query.text("kfa_code"), query.text("region_code")
        templates = [one for one in self.products.catalogue.templates if code in ("", one.code)]
        listed = [(one, where) for one in templates for where in REGIONS if region in ("", where)]
        start = (page - 1) * limit
        prices = [price(one, where) for one, where in listed[start : start + limit]]
        return json_answer(200, {"total": len(listed), "page": page, "limit": limit, "items": self._items(prices)})

    def _items(self, items: list[Document]) -> list[Document] | Document:
        return {"data": items} if self.settings.items == "object" else items
