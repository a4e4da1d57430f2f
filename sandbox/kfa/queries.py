"""Parsed queries, and the 422 answer to a wrong one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from urllib.parse import parse_qs

from sandbox.kfa.catalogue import Product
from sandbox.kfa.documents import Document, pack_codes, updated_at
from sandbox.messages import SandboxAnswer, json_answer

Fault = dict[str, object]


@dataclass(frozen=True, slots=True)
class Filter:
    """Filters of the product list; an empty filter matches all."""

    from_date: str = ""
    to_date: str = ""
    keyword: str = ""
    template: str = ""
    pack: str = ""
    kind: str = ""

    def fits_product(self, product: Product) -> bool:
        """Judge an unchanged product; cheap, since a list asks this of every product."""
        return (
            (not (self.from_date or self.to_date) or self._in_time(updated_at(product)))
            and all(word in product.name.lower() for word in self.keyword.split())
            and self.template in ("", product.template.code)
            and self.kind in ("", "vaccine" if product.template.presentation.legal == "V" else "medicine")
            and (not self.pack or self.pack in pack_codes(product))
        )

    def fits(self, document: Document) -> bool:
        """Judge a changed product by its document."""
        return (
            self._in_time(document["updated_at"])
            and all(word in document["name"].lower() for word in self.keyword.split())
            and self.template in ("", document["product_template"]["kfa_code"])
            and self.kind in ("", document["farmalkes_type"]["code"])
            and self.pack in ("", *(one["kfa_code"] for one in document["packaging_ids"]))
        )

    def _in_time(self, moment: str) -> bool:
        day = moment[:10]
        return (not self.from_date or day >= self.from_date) and (not self.to_date or day <= self.to_date)


class ProductQuery:
    """Parameters of one request; errors are collected in `faults`."""

    def __init__(self, text: str) -> None:
        self._given = {name: values[-1] for name, values in parse_qs(text, keep_blank_values=True).items()}
        self.faults: list[Fault] = []

    def text(self, name: str) -> str:
        return self._given.get(name, "").strip()

    def required(self, name: str, allowed: tuple[str, ...] = ()) -> str:
        if name not in self._given:
            return self._fault(name, "field required", "value_error.missing")
        if allowed and self.text(name) not in allowed:
            return self._fault(name, f"value is not one of: {', '.join(allowed)}", "type_error.enum")
        return self.text(name)

    def number(self, name: str, default: int | None = None, largest: int | None = None) -> int:
        """Return a whole number of at least 1."""
        if default is not None and name not in self._given:
            return default
        text = self.required(name)
        if name in self._given and not text.isdecimal():
            self._fault(name, "value is not a valid integer", "type_error.integer")
        elif text.isdecimal() and (int(text) < 1 or (largest is not None and int(text) > largest)):
            bound = "greater than or equal to 1" if int(text) < 1 else f"less than or equal to {largest}"
            self._fault(name, f"ensure this value is {bound}", "value_error.number.not_in_range")
        return int(text) if text.isdecimal() else 1

    def day(self, name: str) -> str:
        """Return a date of the form YYYY-MM-DD, or an empty text."""
        text = self.text(name)
        try:
            return date.fromisoformat(text).isoformat() if text else ""
        except ValueError:
            return self._fault(name, "invalid date format", "value_error.date")

    def refusal(self) -> SandboxAnswer:
        return json_answer(422, {"detail": self.faults})

    def _fault(self, name: str, message: str, kind: str) -> str:
        self.faults.append({"loc": ["query", name], "msg": message, "type": kind})
        return ""
