"""Formats of texts: what they take, what they refuse, and what is said of it."""

from __future__ import annotations

import pytest

from engine.catalog.reading.record_schema import Validator
from engine.specs.formats import EXPECTED, FORMATS

UNITS = """
mg/dL 10*3/uL 10^9/L mm[Hg] cm[H2O] /min % 1 kg/m2 g.m-2 Cel [iU]/mL U/L {score} mmol/mol{creat} mL/min/{1.73_m2}
(mg.h)/L ug/kg/(8.h) [pH] /[HPF] m[Hg]
"""
RIGHT = {
    "iso-date-time": ["2026-03-10T08:45:00+07:00", "2026-03-10 08:45", "2024-02-29T08:45Z"],
    "ucum": UNITS.split(),
    "loinc": ["718-7", "8480-6", "2339-0", "LA6576-8"],
    "snomed-ct": ["267036007", "373873005", "1172399009"],
}
WRONG = {
    "iso-date-time": [
        "2026-13-10T08:45",
        "2026-02-30T08:45",
        "2026-03-10T25:00",
        "2026-03-10",
        "2026-03-10T08",
        "besok",
    ],
    "ucum": [
        *("mmHg", "juta/uL", "sel/uL", "mcg", "gr/dL", "IU", "mg//dL", "mg/", "mg dL", " mg", "(mg", "(m)2", "m\0"),
        "",
        "mg/" * 60 + "mg",
    ],
    "loinc": ["718-8", "8408-6", "718", "8480-6 ", "A718-7"],
    "snomed-ct": ["267036008", "276036007", "12345", "0267036007", "267036007x"],
}


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in RIGHT.items() for text in texts])
def test_a_right_text_is_taken(name: str, text: str) -> None:
    assert FORMATS[name](text)


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in WRONG.items() for text in texts])
def test_a_wrong_text_is_refused(name: str, text: str) -> None:
    assert not FORMATS[name](text)


@pytest.mark.parametrize("name", ["date", *FORMATS])
def test_the_refusal_says_what_would_be_right(name: str) -> None:
    [problem] = Validator({"properties": {"part": {"format": name}}}).problems({"part": "1990-13-45"})
    assert (problem.path, problem.message) == ("$.part", f'"1990-13-45" is not a "{name}"; {EXPECTED[name]}')
