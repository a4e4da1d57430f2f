"""Names of a code list in the spellings of people; a different name never counts as the same."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest

from engine.catalog.reading.files import read_files
from engine.matching.names import Agreement, Names
from engine.matching.parts import Part, compare
from engine.matching.vocabulary import Vocabulary
from engine.source.faults import Faults
from sandbox.kfa.tables import presentations

PLAIN = read_files(Path(__file__).parents[3] / "config", Faults()).vocabularies["drugs"].plain()
DRUGS = Vocabulary.of(PLAIN)
SETS = list(dict.fromkeys(one.ingredients for one in presentations()))
IMPLIED = {"SANMOL": [("Paracetamol",)], "NEO": [("Paracetamol", "Caffeine"), ("Ibuprofen",)], "CETIRIZ": [("Urea",)]}
INGREDIENTS = Names(DRUGS, [name for names in SETS for name in names], IMPLIED, loose=True)
BRANDS = Names(DRUGS, IMPLIED)


def agreement(ours: str | list[str], *theirs: str) -> Agreement:
    texts = [ours] if isinstance(ours, str) else ours
    return INGREDIENTS.read(texts).agreement([INGREDIENTS.name(name) for name in theirs])


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (["Domperidone", "Domperidon 10 mg tab"], ["Domperidone"]),
        (["Asam mefenamat", "Asmef 500 (asam mefenamat)"], ["Mefenamic Acid"]),
        ("Na Diklofenak 50", ["Diclofenac Sodium"]),
        ("Oralit sachet", ["Oral Rehydration Salts"]),
        ("ORS 200 ml", ["Oral Rehydration Salts"]),
        ("Vitamin C 50 mg", ["Ascorbic Acid"]),
        ("Antasida DOEN tab", ["Aluminium Hydroxide", "Magnesium Hydroxide"]),
        ("Kotrimoksazol 480", ["Trimethoprim", "Sulfamethoxazole"]),
        ("Natrium bikarbonat", ["Sodium Bicarbonate"]),
        ("Tablet tambah darah (Fe + asam folat)", ["Ferrous Fumarate", "Folic Acid"]),
    ],
)
def test_a_name_is_the_same_in_any_spelling(ours: str | list[str], theirs: list[str]) -> None:
    assert agreement(ours, *theirs) == "same"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("Cetirizine", ["Cetirizine Dihydrochloride"]),
        ("Cetirizine HCl 10", ["Cetirizine Dihydrochloride"]),
        ("Omeprazol inj", ["Omeprazole Sodium"]),
        ("Zinc 20 mg tab", ["Zinc Sulfate"]),
        ("Vit C + zinc", ["Ascorbic Acid", "Zinc Sulfate"]),
        ("domperidom", ["Domperidone"]),
        ("Metilpredn 4", ["Methylprednisolone"]),
        ("Co amoxiclav 625", ["Amoxicillin Trihydrate", "Clavulanic Acid"]),
    ],
)
def test_salts_count_as_alike_and_so_does_what_is_loose_or_shortened(ours: str, theirs: list[str]) -> None:
    assert agreement(ours, *theirs) == "close"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("Oralit sachet", ["Diclofenac Potassium"]),
        ("Prednison 5", ["Prednisolone"]),
        ("Omeprazol 20", ["Esomeprazole Magnesium"]),
        ("Cetirizin", ["Levocetirizine Dihydrochloride"]),
        ("Cetirizin", ["Pseudoephedrine Hydrochloride", "Cetirizine Dihydrochloride"]),
        ("Parasetamol kafein", ["Paracetamol"]),
        ("KCl", ["Sodium Chloride"]),
        ("Vaksin MR", ["Vaksin MMR"]),
        (["Paracetamol", "Domperidon 10"], ["Paracetamol"]),
        ("Sanmol 500 mg tab", ["Diclofenac Potassium"]),
    ],
)
def test_another_name_is_different_however_alike_it_looks(ours: str | list[str], theirs: list[str]) -> None:
    assert agreement(ours, *theirs) == "different"


@pytest.mark.parametrize("ours", ["Bodrex 500 mg tab", "serbuk oral", "Vit B complex", "", "asam", "Amlodopan", "12/5"])
def test_what_is_not_recognised_is_unknown_and_not_another_thing(ours: str) -> None:
    assert agreement(ours, "Diclofenac Potassium") == "unknown"
    assert str(INGREDIENTS.read([ours])) == ""


def test_a_part_of_names_leaves_open_which_of_them_is_meant() -> None:
    assert agreement("Insulin 100 IU", "Insulin Aspart") == agreement("Insulin 100 IU", "Insulin Degludec") == "unknown"
    assert agreement("Insulin 100 IU", "Diclofenac Potassium") == "different"
    assert agreement("Paracetamol") == "unknown"


def test_a_brand_tells_what_it_contains_where_that_is_not_written() -> None:
    assert agreement("Sanmol 500 mg tab", "Paracetamol") == "same"
    assert agreement("Neo forte", "Paracetamol", "Caffeine") == agreement("Neo forte", "Ibuprofen") == "same"
    assert agreement("Neo forte", "Paracetamol") == "different"
    assert agreement(["Urea", "Sanmol 500"], "Paracetamol") == "different"
    assert agreement("CETIRIZ 10", "Urea") == "same"  # not the beginning of another name
    assert str(INGREDIENTS.read(["NEO tab"])) == "Paracetamol, Caffeine / Ibuprofen"


@pytest.mark.parametrize(
    ("ours", "theirs", "agreement"),
    [
        ("Sanmol 500 mg tab", "SANMOL", "same"),
        ("Sanmol 500 mg tab", "NEO", "different"),
        ("Sanmoll 500 mg tab", "SANMOL", "unknown"),
        ("Paracetamol 500 mg tab", "SANMOL", "unknown"),
        ("Paracetamol 500 mg tab", None, "unknown"),
    ],
)
def test_a_brand_is_known_as_it_is_written_or_not_at_all(ours: str, theirs: str | None, agreement: str) -> None:
    assert compare(Part("brand", "names", names=BRANDS), ours, theirs, DRUGS).agreement == agreement


def test_what_was_read_is_shown_as_the_list_writes_it() -> None:
    part = Part("ingredient", "names", names=INGREDIENTS)
    compared = compare(part, ["Natrium diklofenak", "Na Diklofenak 50"], ["Diclofenac Potassium"], DRUGS)
    assert (compared.ours, compared.theirs, compared.agreement) == (
        "Diclofenac Sodium",
        "Diclofenac Potassium",
        "close",
    )
    assert str(INGREDIENTS.read(["cetirizin 10"])) == "Cetirizine"


def test_no_two_drugs_of_the_dictionary_are_taken_for_the_same() -> None:
    readings = {names: INGREDIENTS.read([" ".join(names)]) for names in SETS}
    parsed = {names: [INGREDIENTS.name(name) for name in names] for names in SETS}
    assert {names for names in SETS if readings[names].agreement(parsed[names]) != "same"} == set()
    for ours, theirs in permutations(SETS, 2):
        if (answer := readings[ours].agreement(parsed[theirs])) != "different":
            assert answer == "close"
            assert [name.core for name in parsed[ours]] == [name.core for name in parsed[theirs]]
