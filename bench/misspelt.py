"""Queries as people in a pharmacy type them, with the products they mean; independent of the search itself."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sandbox.kfa.catalogue import Product

# How the forms are shortened; a form that is not listed is written out.
FORMS = {
    "Tablet": ["tab", "tablet", "tb", ""],
    "Tablet Salut Selaput": ["tab", "tab fc", "tablet"],
    "Kaplet": ["kapl", "kaplet", "caplet", "kpl"],
    "Kapsul": ["kaps", "caps", "kapsul", "cap"],
    "Sirup": ["syr", "sirup", "syrup", "sir"],
    "Sirup Kering": ["dry syr", "sirup kering", "d.syr"],
    "Suspensi": ["susp", "suspensi"],
    "Tetes Oral (Oral Drops)": ["drop", "drops", "tetes"],
    "Larutan Injeksi": ["inj", "injeksi", "amp", "vial"],
    "Serbuk Injeksi": ["inj", "vial", "serbuk inj"],
    "Krim": ["crm", "cream", "krim", "cr"],
    "Salep": ["salp", "oint", "salep", "zalf"],
    "Supositoria": ["supp", "suppo"],
    "Tetes Mata": ["tetes mata", "eye drop", "ed"],
    "Infus": ["inf", "infus"],
}

# Letters that sound alike.
HEARD_ALIKE = (
    ("c", "k"),
    ("ph", "f"),
    ("x", "ks"),
    ("y", "i"),
    ("ce", "se"),
    ("ci", "si"),
    ("th", "t"),
    ("z", "s"),
    ("v", "f"),
)
# Letter -> its neighbours on the keyboard.
KEY_NEIGHBOURS = {
    **{"a": "sq", "e": "wr", "i": "uo", "o": "ip", "u": "yi", "n": "bm", "m": "n", "r": "et", "t": "ry", "s": "ad"},
    **{"l": "k", "d": "sf", "p": "o", "c": "xv"},
}


@dataclass(frozen=True, slots=True)
class TypedQuery:
    """A typed text, and the codes that count as a correct result."""

    text: str
    meant: frozenset[str]


def queries(products: Sequence[Product], count: int, seed: int = 7) -> Iterator[TypedQuery]:
    """Yield `count` queries; the same seed yields the same queries."""
    rng = random.Random(seed)
    by_strength: dict[tuple[object, ...], list[Product]] = {}
    by_brand: dict[str, list[Product]] = {}
    for product in products:
        by_strength.setdefault(_strengths(product), []).append(product)
        by_brand.setdefault(product.brand, []).append(product)
    for _ in range(count):
        product = rng.choice(products)
        branded = bool(product.brand) and rng.random() < 0.3
        form = rng.choice(FORMS.get(_form(product), [_form(product).lower()]))
        alike = by_brand[product.brand] if branded else by_strength[_strengths(product)]
        meant = [other for other in alike if _strengths(other) == _strengths(product) and _may_be(form, other)]
        codes = {one.code for one in meant} | {one.template.code for one in meant if not branded}
        yield TypedQuery(_typed(product, branded, form, rng), frozenset(codes))


def _strengths(product: Product) -> tuple[object, ...]:
    presentation = product.template.presentation
    return presentation.ingredients, presentation.strengths


def _form(product: Product) -> str:
    return product.template.presentation.form.name


def _may_be(form: str, product: Product) -> bool:
    """Return True if this form may stand for the product: `tab` is any tablet, an empty form is anything."""
    spellings = FORMS.get(_form(product), [_form(product).lower()])
    return form in spellings or form == "" or (form in FORMS["Tablet"] and _form(product).startswith("Tablet"))


def _typed(product: Product, branded: bool, form: str, rng: random.Random) -> str:
    presentation = product.template.presentation
    name = product.brand if branded else _ingredients(presentation.ingredients, rng)
    strength = _strength(presentation.strengths, rng)
    parts = [_misspelt(name.lower(), rng), strength, form]
    if rng.random() < 0.15:
        parts = [parts[0], parts[2], parts[1]]
    if rng.random() < 0.1:
        parts.append(rng.choice(["@10", "strip", "60 ml", "box 100"]))
    text = " ".join(part for part in parts if part)
    return text.upper() if rng.random() < 0.3 else text


def _ingredients(names: Sequence[str], rng: random.Random) -> str:
    """Join the ingredients, half of them without their salt."""
    short = [name.split()[0] if rng.random() < 0.5 and len(name.split()[0]) > 5 else name for name in names]
    return rng.choice([" ", " + ", "/"]).join(short)


def _strength(strengths: Sequence[str], rng: random.Random) -> str:
    text = rng.choice(["/", " + "]).join(strengths) if len(strengths) > 1 else strengths[0]
    way = rng.random()
    if way < 0.3:
        text = re.sub(r"\s*(mg|mcg|mL|g|IU)\b", "", text)
    elif way < 0.5:
        text = re.sub(r"(\d)\s+(mg|mcg|mL|g|IU|%)", r"\1\2", text)
    return text.replace(".", ",") if rng.random() < 0.3 else text


def _misspelt(name: str, rng: random.Random) -> str:
    for _ in range(rng.choice([0, 1, 1, 1, 2])):
        name = rng.choice(_WAYS)(name, rng)
    return name


def _at(name: str, rng: random.Random) -> int:
    """Return any place but the first letter, which is rarely mistyped."""
    return rng.randrange(1, max(2, len(name) - 1))


def _drop(name: str, rng: random.Random) -> str:
    at = _at(name, rng)
    return name[:at] + name[at + 1 :]


def _double(name: str, rng: random.Random) -> str:
    at = _at(name, rng)
    return name[:at] + name[at : at + 1] + name[at:]


def _swap(name: str, rng: random.Random) -> str:
    at = _at(name, rng)
    return name[:at] + name[at + 1 : at + 2] + name[at : at + 1] + name[at + 2 :]


def _beside(name: str, rng: random.Random) -> str:
    at = _at(name, rng)
    letter = name[at : at + 1]
    return name[:at] + rng.choice(KEY_NEIGHBOURS.get(letter, letter or "a")) + name[at + 1 :]


def _heard(name: str, rng: random.Random) -> str:
    written, heard = rng.choice(HEARD_ALIKE)
    return name.replace(written, heard)


def _cut(name: str, rng: random.Random) -> str:
    """Break off a long first word."""
    first, *rest = name.split(" ")
    return " ".join([first[: rng.randint(5, 7)], *rest]) if len(first) > 8 else name


_WAYS: tuple[Callable[[str, random.Random], str], ...] = (_drop, _double, _swap, _beside, _heard, _heard, _cut)
