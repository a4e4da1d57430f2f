"""The catalogue: the same products under the same codes in every run and for every size."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from math import gcd
from zlib import crc32

from sandbox.kfa.tables import Presentation, column, presentations, rows

DEFAULT_SIZE = 20_000
# The sandbox's own codes start far above the ministry's, so that none of them means a real product.
FIRST_CODE = 500_001
PREFIXES = ("NEO", "PRO", "SAN", "BIO", "ULTRA", "MEDI", "VITA", "GRA")


@dataclass(frozen=True, slots=True)
class ProductTemplate:
    """A 92 product template."""

    code: str
    name: str
    presentation: Presentation


@dataclass(frozen=True, slots=True)
class Product:
    """The parts of a 93 product that are not derived; `number` is 93 without its first two digits."""

    number: int
    name: str
    template: ProductTemplate
    brand: str
    maker: str
    pack_code: str = ""  # only where it is not made from the number

    @property
    def code(self) -> str:
        return f"93{self.number:06d}"

    def fate(self, modulus: int) -> int:
        """Return a remainder that is the same in every run, to decide about dates, prices and withdrawals."""
        return crc32(b"%d" % self.number) % modulus


@dataclass(frozen=True, slots=True)
class ProductCatalogue:
    """All products in the order of their codes."""

    products: tuple[Product, ...]
    by_code: dict[str, Product]
    templates: tuple[ProductTemplate, ...]


@lru_cache(maxsize=2)
def generate(size: int = DEFAULT_SIZE) -> ProductCatalogue:
    """Return `size` products at least; a bigger catalogue begins with the smaller one, code by code."""
    templates = tuple(
        ProductTemplate(f"92{FIRST_CODE + number}", one.name, one) for number, one in enumerate(presentations())
    )
    products = _named(templates)
    names = {one.name for one in products}
    for round_ in count():
        if len(products) >= size:
            break
        products += _round(templates, round_, FIRST_CODE + len(products), names)
    del products[max(size, len(_named(templates))) :]
    products.sort(key=lambda one: one.number)
    return ProductCatalogue(tuple(products), {one.code: one for one in products}, templates)


def _named(templates: tuple[ProductTemplate, ...]) -> list[Product]:
    """Return the products whose real code is recorded, and the example of KFA's documentation."""
    by_name = {one.name: one for one in templates}
    return [_named_one(line, by_name) for line in rows("named")]


def _named_one(line: dict[str, str], by_name: dict[str, ProductTemplate]) -> Product:
    generic = by_name[next(name for name in by_name if _is_kind(by_name[name], line))]
    if line["template"]:
        name = line["name"].partition(" (")[0]
        generic = ProductTemplate(line["template"], name, generic.presentation)
    return Product(int(line["code"][2:]), line["name"], generic, line["brand"], line["maker"], line["pack"])


def _is_kind(template: ProductTemplate, line: dict[str, str]) -> bool:
    one = template.presentation
    kind = (line["ingredients"], line["form"], line["strength"])
    return ("+".join(one.ingredients), one.form.key, "+".join(one.strengths)) == kind


def _round(templates: tuple[ProductTemplate, ...], round_: int, first: int, names: set[str]) -> list[Product]:
    """Return one more product of every template, or of every second or fourth where a drug has few makers."""
    made: list[Product] = []
    for number, template in enumerate(templates):
        if round_ % (1, 1, 2, 4)[crc32(template.presentation.ingredients[0].encode()) % 4]:
            continue
        product = _product(template, number, round_, first + len(made))
        if product.name not in names:
            names.add(product.name)
            made.append(product)
    return made


def _product(template: ProductTemplate, number: int, round_: int, code: int) -> Product:
    makers = column_of("makers")
    step = 31 if gcd(31, len(makers)) == 1 else 1
    place = (number * 7 + round_ * step) % len(makers)
    again = round_ // len(makers)
    brand = (
        _brand(template.presentation.ingredients, place, again) if (round_ + number + again) % 2 or again > 1 else ""
    )
    return Product(code, f"{template.name} ({brand or makers[place]})", template, brand, makers[place])


def _brand(ingredients: tuple[str, ...], place: int, again: int) -> str:
    """Return a maker's brand of a drug, the same for all its strengths and forms."""
    key = crc32("+".join(ingredients).encode())
    suffixes = column_of("brand_endings")
    stem = ingredients[0].removeprefix("Vaksin ").replace(" ", "").replace("-", "")[: 3 + key % 3]
    prefix = PREFIXES[(key + again) % len(PREFIXES)] if again > 1 else ""
    return f"{prefix}{stem}{suffixes[(key + place) % len(suffixes)]}".upper()


@lru_cache
def column_of(table: str) -> tuple[str, ...]:
    return column(table)
