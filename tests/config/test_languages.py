"""Every text that ships is there in both languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from engine.catalog.catalog import Catalog, load
from engine.specs.text import Text

SHIPPED = Path(__file__).resolve().parents[2] / "config"
ALIKE = {
    *("BPJS Antrean", "BPJS FKTP", "BPJS PCare", "PCare", "Poli", "Program", "Delirium", "Prognosis"),
    *("NIK", "NIE", "TKP", "Client ID", "Client Secret", "Cons ID", "Secret key"),
    *("SIMRS Khanza", "mLITE"),
}
"""Texts that are written alike in both languages."""


def texts(value: Any, path: str = "") -> Iterator[tuple[str, Text]]:
    """Every text in a part of the catalog, with its place."""
    if isinstance(value, Text):
        yield path, value
    elif is_dataclass(value):
        for field in fields(value):
            yield from texts(getattr(value, field.name), f"{path}.{field.name}")
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from texts(inner, f"{path}.{name}")
    elif isinstance(value, (tuple, list)):
        for place, inner in enumerate(value):
            yield from texts(inner, f"{path}[{place}]")


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load(SHIPPED)


@pytest.fixture(scope="module")
def shipped(catalog: Catalog) -> dict[str, Text]:
    return dict(texts(catalog))


def test_every_text_has_both_languages(shipped: dict[str, Text]) -> None:
    assert len(shipped) > 1_000
    assert {text.id for text in shipped.values() if text.id == text.en} == ALIKE


def test_both_languages_have_the_same_gaps_and_name_the_same_element(shipped: dict[str, Text]) -> None:
    def kept(words: str) -> list[str]:
        return re.findall(r"\{\w+\}|\([A-Za-z]+\.[\w.\[\]:]+\)|\(quantity\)", words)

    assert [path for path, text in shipped.items() if kept(text.id) != kept(text.en)] == []


def test_the_words_of_a_column_are_values_that_an_example_or_a_table_has(catalog: Catalog) -> None:
    """A word that no value equals would never be shown."""
    for spec in catalog.specs.values():
        written = f"{spec.tables} {spec.example} {spec.examples}"
        for column in spec.columns:
            assert [word for word in column.words if word not in written + column.value.text] == []
