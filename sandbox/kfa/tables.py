"""The hand-written tables: forms, makers, brand suffixes, named products, and ingredients with their strengths."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

_AMOUNT = re.compile(r"[\d.+]+")


@dataclass(frozen=True, slots=True)
class Form:
    """A dosage form with its route, smallest unit and usual packs (text, pieces)."""

    key: str
    code: str
    name: str
    route: str
    route_name: str
    uom: str
    packs: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Presentation:
    """The parts of a 92 template: ingredients with their strengths, and a form."""

    ingredients: tuple[str, ...]
    strengths: tuple[str, ...]
    form: Form
    atc: str
    legal: str  # B free, T limited free, K prescription, P psychotropic, N narcotic, V vaccine or serum

    @property
    def name(self) -> str:
        """Return e.g. "Paracetamol 500 mg Tablet"; several ingredients are joined by " / ", decimals have a comma."""
        parts = (f"{one} {strength}" for one, strength in zip(self.ingredients, self.strengths, strict=True))
        return f"{' / '.join(parts).replace('.', ',')} {self.form.name}"


@cache
def forms() -> dict[str, Form]:
    """Return all forms by the short key that the tables use."""
    return {one["key"]: Form(**{**one, "packs": _packs(one["packs"])}) for one in rows("forms")}  # type: ignore[arg-type]


@cache
def presentations() -> tuple[Presentation, ...]:
    """Return every template in the order of the table."""
    return tuple(one for line in rows("ingredients") for one in _presentations(line))


@cache
def ingredient_codes() -> dict[str, str]:
    """Return the 91 code of every ingredient: the ministry's where recorded, else one of the sandbox's own."""
    lines = list(rows("ingredients"))
    official = {one["name"]: one["code"] for one in lines if one["code"]}
    names = dict.fromkeys(part for one in lines for part in one["name"].split("+") if part not in official)
    return official | {name: f"91{500_001 + number}" for number, name in enumerate(names)}


def column(table: str) -> tuple[str, ...]:
    """Return the only column of a table."""
    return tuple(next(iter(one.values())) for one in rows(table))


def rows(table: str) -> Iterator[dict[str, str]]:
    """Yield the lines of data/<table>.csv; omitted cells are empty."""
    text = (files("sandbox.kfa") / "data" / f"{table}.csv").read_text(encoding="utf-8")
    return csv.DictReader(text.splitlines(), delimiter=";", restval="")


def _packs(cell: str) -> tuple[tuple[str, int], ...]:
    pairs = (one.rpartition("=") for one in cell.split("|"))
    return tuple((text, int(pieces)) for text, _, pieces in pairs)


def _presentations(line: dict[str, str]) -> Iterator[Presentation]:
    """Parse `TAB 250 500 mg|SYR 125+31.25 mg/5 mL`: a form, amounts (joined by + per ingredient) and a unit."""
    ingredients = tuple(line["name"].split("+"))
    for cell in line["presentations"].split("|"):
        key, *words = cell.split(" ")
        amounts = [one for position, one in enumerate(words) if _leads(words[: position + 1])]
        unit = " ".join(words[len(amounts) :])
        for amount in amounts:
            strengths = tuple(f"{one} {unit}" for one in amount.split("+"))
            yield Presentation(ingredients, strengths, forms()[key], line["atc"], line["class"])


def _leads(words: list[str]) -> bool:
    return all(_AMOUNT.fullmatch(one) for one in words)
