"""Problems of refused records as people read them: in their language, and without the value that was wrong."""

from __future__ import annotations

import pytest

from adapters.base import Problem
from admin.text.words import english, sentence
from engine.intake.refusal_text import refusal_text
from engine.specs.text import Text

NIK = Problem("$.nik", '"3171" does not match "^[0-9]{16}$"', "pattern", "^[0-9]{16}$")


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (NIK, "$.nik: bukan 16 angka"),
        (Problem("$", '"nik" is a required property', "required", "nik"), "$.nik: wajib diisi"),
        (Problem("$.name", '"" is shorter than 1 character', "minLength", "1"), "$.name: kosong"),
        (Problem("$.at", "5 is not of type string", "type", "string"), "$.at: jenis isinya salah (seharusnya string)"),
        (Problem("$.sex", "'X' is undefined in tables.sex; known: L, P"), None),
        (Problem("$.w", "'berat' is no number"), "$.w: bukan angka"),
        (Problem("$.born", "'2026-02-31' is no date (day is out of range)"), "$.born: bukan tanggal yang ada"),
        (Problem("$.x", "whatever", "unevaluatedItems", ""), "$.x: tidak memenuhi syarat (unevaluatedItems)"),
    ],
)
def test_a_rule_is_told_without_the_value(problem: Problem, said: str | None) -> None:
    expected = said or "$.sex: berisi X, yang tidak dikenal (yang dikenal: L, P)"
    assert sentence(refusal_text(problem)) == expected


def test_a_declared_check_is_told_in_the_language_of_the_page() -> None:
    problem = Problem("$.birth", "is in the future", both=Text("di masa depan", "is in the future"))
    assert sentence(refusal_text(problem)) == "$.birth: di masa depan"
    assert english(refusal_text(problem)) == "$.birth: is in the future"


def test_an_identifier_in_other_words_is_masked() -> None:
    assert "3171010101010001" not in refusal_text(Problem("$.x", "3171010101010001 is odd"))
