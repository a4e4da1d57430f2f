"""Current products: the catalogue and its later changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sandbox.clock import Clock
from sandbox.kfa.catalogue import Product, ProductCatalogue, generate
from sandbox.kfa.documents import Document, document, is_draft, is_withdrawn, pack_codes, registration, replacement
from sandbox.kfa.settings import KfaSettings
from sandbox.kfa.tables import ingredient_codes

FIRST_ADDED = 93_900_001
EXTRA_TEMPLATES = frozenset({"92099001"})


class UnknownProduct(Exception):
    """Raised when no product has this code."""


class ProductStore:
    """The catalogue with its changes; generated on first use."""

    def __init__(self, clock: Clock, settings: KfaSettings) -> None:
        self._clock = clock
        self._settings = settings
        self.clear()

    def clear(self) -> None:
        """Undo all changes."""
        self._changed: dict[str, Document] = {}

    @property
    def catalogue(self) -> ProductCatalogue:
        return generate(self._settings.size)

    def get(self, code: str) -> Document | None:
        """Return a product by its 93 code."""
        if code in self._changed:
            return self._changed[code]
        product = self.catalogue.by_code.get(code)
        return None if product is None or is_draft(product) else self._document(product)

    def registered(self, nie: str) -> Document | None:
        """Return a product by its BPOM registration number."""
        _, products = self.listed(lambda one: registration(one) == nie, lambda one: one["nie"] == nie, 0, 1)
        return products[0] if products else None

    def listed(
        self,
        may_fit: Callable[[Product], bool],
        fits: Callable[[Document], bool],
        start: int,
        stop: int,
    ) -> tuple[int, list[Document]]:
        """Return the number of matches and those from `start` to `stop`. `may_fit` judges unchanged products."""
        fitting = list(self._fitting(may_fit, fits))
        return len(fitting), [self._document(one) if isinstance(one, Product) else one for one in fitting[start:stop]]

    def has_code(self, code: str) -> bool:
        """Return True if the platform's terminology has this code of any level; a product must be in force."""
        if code.startswith("93"):
            return self._in_force(code)
        if code.startswith("VG"):
            return code[2:].isdecimal()
        if code.startswith("92"):
            return code in EXTRA_TEMPLATES or any(one.code == code for one in self.catalogue.templates)
        if code.startswith("91"):
            return code in ingredient_codes().values()
        return any(code in pack_codes(one) for one in self.catalogue.products)

    def _in_force(self, code: str) -> bool:
        if code in self._changed:
            return bool(self._changed[code]["active"])
        product = self.catalogue.by_code.get(code)
        return product is not None and not is_draft(product) and not is_withdrawn(product)

    def change(self, code: str, **fields: Any) -> Document:
        """Change fields of a product, e.g. its name; it counts as updated now. Raises UnknownProduct."""
        before = self.get(code)
        if before is None:
            raise UnknownProduct(code)
        self._changed[code] = {**before, **fields, "updated_at": self._now()}
        return self._changed[code]

    def withdraw(self, code: str, successor: str = "", reason: str = "Izin edar dicabut") -> Document:
        """Make a product inactive, with or without the code that replaces it. Raises UnknownProduct."""
        successor_json = replacement(None)
        if successor:
            named = self.get(successor)
            if named is None:
                raise UnknownProduct(successor)
            successor_json["product"] = {"name": named["name"], "reason": reason, "kfa_code": successor}
        return self.change(code, active=False, replacement=successor_json)

    def restore(self, code: str) -> Document:
        """Make a withdrawn product active again. Raises UnknownProduct."""
        return self.change(code, active=True, replacement=replacement(None))

    def add(self, like: str, **fields: Any) -> Document:
        """Add a product modelled on another one. Its code is given, or the next from 93900001 on."""
        model = self.get(like)
        if model is None:
            raise UnknownProduct(like)
        added = sum(code >= str(FIRST_ADDED) for code in self._changed)
        code = str(fields.pop("kfa_code", FIRST_ADDED + added))
        own = {"id": int(code[2:]), "kfa_code": code, "active": True, "packaging_ids": [], "nie": None}
        self._changed[code] = {**model, **own, **fields, "updated_at": self._now()}
        return self._changed[code]

    def _fitting(
        self, may_fit: Callable[[Product], bool], fits: Callable[[Document], bool]
    ) -> Iterator[Product | Document]:
        by_code = self.catalogue.by_code
        for product in self.catalogue.products:
            changed = self._changed.get(product.code)
            if changed is None and may_fit(product):
                yield product
            elif changed is not None and fits(changed):
                yield changed
        yield from (one for code, one in sorted(self._changed.items()) if code not in by_code and fits(one))

    def _document(self, product: Product) -> Document:
        return document(product, self._successor(product) if is_withdrawn(product) else None)

    def _successor(self, product: Product) -> Product | None:
        """Return another product of the same template; half of the withdrawn products have no successor."""
        if product.fate(2):
            return None
        siblings = (one for one in self.catalogue.products if one.template == product.template)
        return next((one for one in siblings if not is_withdrawn(one) and not is_draft(one)), None)

    def _now(self) -> str:
        return self._clock.moment().strftime("%Y-%m-%d %H:%M:%S")
