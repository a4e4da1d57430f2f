"""Matching: a typed text finds the meant code, and a comparison shows where item and code differ."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.catalog.reading.files import read_files
from engine.matching.index import Document, Index
from engine.matching.parts import Part, Terms, compare
from engine.matching.quantities import agreement, amounts
from engine.matching.suggest import only_exact, suggest
from engine.matching.vocabulary import Vocabulary, words
from engine.source.faults import Faults
from sandbox.kfa.tables import forms

PLAIN = read_files(Path(__file__).parents[3] / "config", Faults()).vocabularies["drugs"].plain()
DRUGS = Vocabulary.of(PLAIN)
STRENGTH = Part("strength", "quantity", 3, veto=True)
FORM = Part("form", "term", 2, veto=True, terms=Terms(PLAIN["terms"]["forms"], DRUGS))
NAME = Part("name", "words", 4)

SHELF = {
    "1": "Paracetamol 500 mg Tablet (PAMOL)",
    "2": "Paracetamol 500 mg Tablet",
    "3": "Paracetamol 120 mg/5 mL Sirup",
    "4": "Amoxicillin Trihydrate 500 mg Kapsul",
    "5": "Amoxicillin Trihydrate 250 mg Kapsul",
    "6": "Amoxicillin Trihydrate 125 mg/5 mL Sirup Kering",
    "7": "Ciprofloxacin 500 mg Tablet Salut Selaput",
    "8": "Amoxicillin 500 mg / Clavulanic Acid 125 mg Tablet Salut Selaput",
    "9": "Hydrocortisone 2,5 % Krim",
    "10": "Ceftriaxone Sodium 1 g Serbuk Injeksi",
    "11": "Omeprazole 20 mg Kapsul",
    "12": "Mefenamic Acid 500 mg Kaplet",
}
INDEX = Index(DRUGS, (Document(key, text, (f"9300{key}",)) for key, text in SHELF.items()))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("parasetamol syr 120/5", "3"),
        ("PCT 500 tab", "2"),
        ("pamol", "1"),
        ("amox 500 kaps", "4"),
        ("amoksisilin 250", "5"),
        ("amox dry syr 125/5", "6"),
        ("siprofloksasin 500", "7"),
        ("ciprofloxasin500mg", "7"),
        ("co amoxiclav 500/125 tab", "8"),
        ("hidrokortison 2.5% cr", "9"),
        ("ceftriakson inj 1g", "10"),
        ("omeparzole", "11"),
        ("asam mefenamat 500", "12"),
        ("93007", "7"),
        ("9300", "1"),
    ],
)
def test_what_people_type_is_found(typed: str, meant: str) -> None:
    assert INDEX.search(typed)[0].key == meant


@pytest.mark.parametrize("typed", ["", "   ", "?", "()'\";--", "%" * 10_000, "a " * 50_000, "\x00", "९९९", "🙂"])
def test_what_says_nothing_finds_nothing_and_does_no_harm(typed: str) -> None:
    assert len(INDEX.search(typed)) <= 20


@given(st.text(max_size=80))
def test_any_text_can_be_searched(typed: str) -> None:
    assert all(hit.key in SHELF for hit in INDEX.search(typed, 5))


def test_an_empty_index_finds_nothing() -> None:
    assert Index(DRUGS, []).search("paracetamol") == []


@pytest.mark.parametrize(
    ("text", "parts"),
    [("Amox500", ["amox", "500"]), ("2,50mg", ["2.5", "mg"]), ("1.000.000 IU", ["1000000", "iu"]), ("Café", ["cafe"])],
)
def test_words_and_numbers_are_taken_apart(text: str, parts: list[str]) -> None:
    assert words(text) == parts


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        ("500 mg", "0,5 g", True),
        ("500mg tab", "500 mg", True),
        ("500", "500 mg", True),
        ("120/5", "120 mg/5 mL", True),
        ("syr 120mg/5ml 60 ml", "120 mg/5 mL", True),
        ("120 mg", "120 mg/5 mL", True),
        ("24 mg/mL", "120 mg/5 mL", True),
        ("1 %", "10 mg/1 g", True),
        ("1%", "10 mg/mL", True),
        ("625", "500 mg + 125 mg", True),
        ("500/125", "500 mg / 125 mg", True),
        ("1.000.000 UI", "1000000 IU", True),
        ("250 mg", "500 mg", False),
        ("250 mg/5 mL", "125 mg/5 mL", False),
        ("5 mg", "5 mcg", False),
        ("500 mg", "500 mg + 125 mg", False),
        ("tablet", "500 mg", None),
        ("500 mg", "", None),
    ],
)
def test_amounts_are_the_same_whatever_their_units(ours: str, theirs: str, same: bool | None) -> None:
    assert agreement(amounts(ours, DRUGS), amounts(theirs, DRUGS)) is same


@given(st.fractions(Fraction(1, 1000), 100_000).map(lambda value: round(float(value), 3)).filter(bool))
def test_an_amount_is_the_same_in_another_unit(value: float) -> None:
    milligrams, grams = f"{value:.3f} mg", f"{Fraction(str(value)) / 1000 * 1.0:.6f} g"
    assert agreement(amounts(milligrams, DRUGS), amounts(grams, DRUGS)) is True


@pytest.mark.parametrize(
    ("ours", "theirs", "agreement"),
    [
        ("Paracetamol 500 mg tab", "Tablet", "same"),
        ("Paracetamol tab fc", "Tablet Salut Selaput", "same"),
        ("Paracetamol kaplet", "Tablet", "close"),
        ("Paracetamol syr", "Tablet", "different"),
        ("Paracetamol dry syr", "Sirup Kering", "same"),
        ("Chloramphenicol zalf mata", "Salep Mata", "same"),
        ("Paracetamol", "Tablet", "unknown"),
    ],
)
def test_forms_are_known_by_what_people_call_them(ours: str, theirs: str, agreement: str) -> None:
    assert compare(FORM, ours, theirs, DRUGS).agreement == agreement


def test_what_differs_where_it_matters_comes_last_and_says_so() -> None:
    ours = {"name": "Amox 500 kaps", "strength": "Amox 500 kaps", "form": "Amox 500 kaps"}
    theirs = {
        "4": {"name": ["Amoxicillin"], "strength": ["500 mg"], "form": "Kapsul"},
        "5": {"name": ["Amoxicillin"], "strength": ["250 mg"], "form": "Kapsul"},
        "6": {"name": ["Amoxicillin"], "strength": ["500 mg"], "form": "Sirup Kering"},
    }
    suggestions = suggest([NAME, STRENGTH, FORM], ours, theirs, DRUGS)
    assert suggestions[0].key == "4"
    assert [[veto.part.name for veto in entry.vetoes] for entry in suggestions] == [[], ["form"], ["strength"]]
    assert suggestions[0].score == pytest.approx(1.0)
    assert [(entry.ours, entry.theirs) for entry in suggestions[2].compared][1] == ("500", "250 mg")


RULE = {"name": ["same"], "strength": ["same"], "form": ["same", "empty"]}


TABLET = {"name": "Pamol", "strength": "500 mg", "form": "Tablet"}


@pytest.mark.parametrize(
    ("name", "rest", "theirs", "key"),
    [
        ("Pamol", "500 mg tablet", {"1": TABLET}, "1"),
        ("Pamol", "500 mg", {"1": {**TABLET, "form": None}}, "1"),
        ("Pamol", "500 mg", {"1": TABLET}, None),
        ("Pamol", "500 mg tablet", {"1": TABLET, "2": TABLET}, None),
        ("Pamol", "500 mg tablet isi 100", {"1": TABLET}, None),
        ("Pamol forte", "500 mg tablet", {"1": TABLET}, None),
        ("Pamol", "500 mg kaplet", {"1": TABLET}, None),
    ],
)
def test_exact_is_the_only_code_that_agrees_in_all_and_says_no_less(
    name: str, rest: str, theirs: dict[str, dict[str, str | None]], key: str | None
) -> None:
    ours = {"name": name, "strength": rest, "form": rest}
    suggestion = only_exact([NAME, STRENGTH, FORM], ours, theirs, DRUGS, RULE)
    assert (suggestion and suggestion.key) == key


def test_what_could_not_be_compared_counts_for_less() -> None:
    whole = suggest(
        [NAME, STRENGTH], {"name": "Pamol", "strength": "500 mg"}, {"1": {"name": "Pamol", "strength": "500 mg"}}, DRUGS
    )
    part = suggest(
        [NAME, STRENGTH], {"name": "Pamol", "strength": None}, {"1": {"name": "Pamol", "strength": "500 mg"}}, DRUGS
    )
    assert 0.5 < part[0].score < whole[0].score == pytest.approx(1.0)


@pytest.mark.parametrize("form", [form.name for form in forms().values()])
def test_every_form_of_the_dictionary_is_a_term_of_its_own(form: str) -> None:
    compared = compare(FORM, f"Obat 5 mg {form}", form, DRUGS)
    assert (compared.theirs, compared.agreement) == (form, "same")
