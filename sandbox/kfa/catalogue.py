"""The catalogue: the same products under the same codes in every run, whatever its size."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from math import gcd
from zlib import crc32

from sandbox.kfa.tables import Presentation, column, presentations, rows

DEFAULT_SIZE = 20_000
FIRST = 500_001
"""Codes of the box's own begin far above the ministry's, so that none of them means a real product."""
PREFIXES = ("NEO", "PRO", "SAN", "BIO", "ULTRA", "MEDI", "VITA", "GRA")


@dataclass(frozen=True, slots=True)
class Template:
    """A 92 product template."""

    code: str
    name: str
    presentation: Presentation


@dataclass(frozen=True, slots=True)
class Product:
    """A 93 product as far as it is not derived: `number` is 93 without its first two digits."""

    number: int
    name: str
    template: Template
    brand: str
    maker: str
    pack_code: str = ""
    """Only where it is not made from the number."""

    @property
    def code(self) -> str:
        return f"93{self.number:06d}"

    def fate(self, modulus: int) -> int:
        """A remainder that is the same in every run: what decides about dates, prices and withdrawals."""
        return crc32(b"%d" % self.number) % modulus


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All products in the order of their codes."""

    products: tuple[Product, ...]
    by_code: dict[str, Product]
    templates: tuple[Template, ...]


@lru_cache(maxsize=2)
def generate(size: int = DEFAULT_SIZE) -> Catalogue:
    """`size` products at least; a bigger catalogue begins with the smaller one, code by code."""
    templates = tuple(Template(f"92{FIRST + number}", one.name, one) for number, one in enumerate(presentations()))
    products = _named(templates)
    names = {one.name for one in products}
    for turn in count():
        if len(products) >= size:
            break
        products += _turn(templates, turn, FIRST + len(products), names)
    del products[max(size, len(_named(templates))) :]
    products.sort(key=lambda one: one.number)
    return Catalogue(tuple(products), {one.code: one for one in products}, templates)


def _named(templates: tuple[Template, ...]) -> list[Product]:
    """The products whose real code is on record, and the example of the reference."""
    by_name = {one.name: one for one in templates}
    return [_named_one(line, by_name) for line in rows("named")]


def _named_one(line: dict[str, str], by_name: dict[str, Template]) -> Product:
    generic = by_name[next(name for name in by_name if _is_kind(by_name[name], line))]
    if line["template"]:
        name = line["name"].partition(" (")[0]
        generic = Template(line["template"], name, generic.presentation)
    return Product(int(line["code"][2:]), line["name"], generic, line["brand"], line["maker"], line["pack"])


def _is_kind(template: Template, line: dict[str, str]) -> bool:
    one = template.presentation
    wanted = (line["ingredients"], line["form"], line["strength"])
    return ("+".join(one.ingredients), one.form.key, "+".join(one.strengths)) == wanted


def _turn(templates: tuple[Template, ...], turn: int, first: int, names: set[str]) -> list[Product]:
    """One more product of every template, or only of every second or fourth where a drug has few makers."""
    made: list[Product] = []
    for number, template in enumerate(templates):
        if turn % (1, 1, 2, 4)[crc32(template.presentation.ingredients[0].encode()) % 4]:
            continue
        product = _product(template, number, turn, first + len(made))
        if product.name not in names:
            names.add(product.name)
            made.append(product)
    return made


def _product(template: Template, number: int, turn: int, code: int) -> Product:
    makers = column_of("makers")
    step = 31 if gcd(31, len(makers)) == 1 else 1
    place = (number * 7 + turn * step) % len(makers)
    again = turn // len(makers)
    brand = _brand(template.presentation.ingredients, place, again) if (turn + number + again) % 2 or again > 1 else ""
    return Product(code, f"{template.name} ({brand or makers[place]})", template, brand, makers[place])


def _brand(ingredients: tuple[str, ...], place: int, again: int) -> str:
    """A maker's brand of a drug, the same for all its strengths and forms."""
    key = crc32("+".join(ingredients).encode())
    endings = column_of("brand_endings")
    stem = ingredients[0].removeprefix("Vaksin ").replace(" ", "").replace("-", "")[: 3 + key % 3]
    prefix = PREFIXES[(key + again) % len(PREFIXES)] if again > 1 else ""
    return f"{prefix}{stem}{endings[(key + place) % len(endings)]}".upper()


@lru_cache
def column_of(table: str) -> tuple[str, ...]:
    return column(table)
