"""Drugs in payloads: contents of a compound, basis of a strength, and codes of an ingredient."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.specs.context import context
from engine.specs.record_type import Reference
from sandbox.satusehat.resources.terminology import code_systems
from tests.config.shipped import FACILITY, GOLDEN, Case, catalog, payload, problems

TAKERS = ["MedicationRequest", "MedicationDispense", "MedicationAdministration", "Medication"]
"""Entries that send a drug with its content."""
FORMS = code_systems()["http://terminology.kemkes.go.id/CodeSystem/medication-form"].codes
STRENGTHS_FILE = GOLDEN / "drugs" / "strengths_of_forms.json"  # written by tests.config.golden
UNITS = catalog().specs["MedicationRequest"].record_schema["properties"]["unit"]["enum"]
COMPOUND_FORMS = catalog().specs["MedicationRequest"].record_schema["properties"]["compound"]["properties"]["form"]
TABLET = Reference(
    "93002313",
    {
        "name": "Paracetamol 500 mg Tablet (PAMOL)",
        "level": "93",
        "form": "Tablet",
        "form_code": "BS066",
        "details": [{"kfa_code": "91000101", "zat_aktif": "Paracetamol", "kekuatan_zat_aktif": "500 mg"}],
    },
)

PIECES = {
    "CAP": {"BS019"},
    "TAB": {"BS066", "BS022"},
    "POWD": {"BS047"},
    "SUPP": {"BS059"},
    "VAGSUPP": {"BS037"},
}
SMEARED = {"BS030", "BS042", "BS043", "BS013", "BS038", "BS052"}
LIQUID = {"BS055", "BS060", "BS010", "BS009", "BS032", "BS036", "BS062", "BS087", "BS084", "BS086", "BS085", "BS034"}
MEASURED_BY = {**PIECES, "g": SMEARED, "mL": LIQUID}
"""Code of a strength's denominator -> the forms that it fits."""
COUNTED_IN = {
    **PIECES,
    "CRM": {"BS030"},
    "OINT": {"BS042", "BS043"},
    "418530008": SMEARED - {"BS052"},
    "g": SMEARED,
    "mg": SMEARED,
    "DROP": {"BS087", "BS084", "BS086", "BS085"},
    "mL": LIQUID,
    "419672006": LIQUID | {"BS052"},
    "413516001": {"BS034"},
    "415818006": {"BS034"},
    "PUFF": set[str](),
    "[iU]": set[str](),
}
"""Code of a quantity -> the forms that may be counted in it."""


def compound(unit: str, form: str | None = None, per: float | None = None, in_: str = "mg") -> dict[str, Any]:
    """Return the part of a record that describes the compound."""
    ingredients = [{"product": "OBT-001", "amount": 5, "unit": in_}]
    compound_record = {"form": form, "per": per, "ingredients": ingredients, "name": "Racikan"}
    return {"unit": unit, "compound": {name: value for name, value in compound_record.items() if value is not None}}


def record(spec: str, part: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entry's example with another drug."""
    example = {name: value for name, value in catalog().specs[spec].example.items() if name not in ("product", "unit")}
    return {**example, **part}


def units_of(spec: str) -> list[str]:
    """Return the units in which the entry takes a drug."""
    units: list[str] = catalog().specs[spec].record_schema["properties"]["unit"]["enum"]
    return units


def accepted(spec: str, part: Mapping[str, Any]) -> bool:
    return not problems(catalog().specs[spec], record(spec, part))


def drug(spec: str, part: Mapping[str, Any], code: Reference = TABLET) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the drug as it is sent, and its quantity; every product is mapped to the code."""
    entry = catalog().specs[spec]
    one = record(spec, part)
    view = {"reference": code.reference, "row": code.row, "key": "OBT-001"}
    needs: dict[str, Any] = {need.name: {"reference": "x", "key": "x", "item": None} for need in entry.needs}
    needs["product"] = {**view, "item": None} if "product" in one else None
    parts = one["compound"]["ingredients"] if "compound" in one else []
    needs["ingredients"] = [{**view, "item": item} for item in parts]
    assert entry.payload is not None
    sent = entry.payload.render(context(entry, one, FACILITY, needs))
    quantity = sent.get("dispenseRequest", sent).get("quantity") or sent.get("dosage", {}).get("dose", {})
    return sent.get("contained", [sent])[0], quantity


def form_of(medication: Mapping[str, Any]) -> str | None:
    codes = [coding["code"] for coding in medication.get("form", {}).get("coding", [])]
    return codes[0] if codes else None


def combinations() -> Iterator[tuple[str, str | None, float | None]]:
    """Return every unit with every form, or none, with an amount of the whole and without."""
    return ((unit, form, per) for unit in UNITS for form in [None, *COMPOUND_FORMS["enum"]] for per in (None, 10))


@pytest.mark.parametrize("spec", TAKERS)
def test_quantity_form_and_strength_of_a_compound_never_contradict_each_other(spec: str) -> None:
    seen = 0
    for unit, form, per in combinations():
        part = compound(unit, form, per)
        if not accepted(spec, part):
            assert form is not None or unit not in units_of(spec)  # a unit alone always does
            continue
        medication, quantity = drug(spec, part)
        code = form_of(medication)
        strength = medication["ingredient"][0].get("strength")
        if code is not None:
            assert code in COUNTED_IN[quantity.get("code") or _code(unit)], (unit, form)
        if strength is not None:
            measure = strength["denominator"]["code"]
            assert code in MEASURED_BY[measure] or (code is None and measure == _code(unit)), (unit, form)
            assert strength["denominator"]["value"] == (per or 1)
        seen += 1
    assert seen > len(UNITS) * 2


def _code(unit: str) -> str:
    """Return the code of a quantity in this unit."""
    _, quantity = drug("MedicationDispense", compound(unit))
    return str(quantity["code"])


@pytest.mark.parametrize(
    ("part", "form", "denominator", "kind"),
    [
        (compound("kapsul"), "BS019", (1, "CAP"), "SD"),
        (compound("bungkus"), "BS047", (1, "POWD"), "SD"),
        (compound("salep", per=20), "BS042", (20, "g"), "SD"),
        (compound("krim", per=5), "BS030", (5, "g"), "SD"),
        (compound("g", "krim"), "BS030", (1, "g"), "SD"),
        (compound("tube", "salep_mata", per=3.5), "BS043", (3.5, "g"), "SD"),
        (compound("ml", "sirup", per=5), "BS055", (5, "mL"), "SD"),
        (compound("botol", "tetes_mata", per=10), "BS084", (10, "mL"), "SD"),
        (compound("kapsul", per=10, in_="tablet"), "BS019", (10, "CAP"), "EP"),
        (compound("kapsul", in_="tablet"), "BS019", (1, "CAP"), "EP"),
        (compound("bungkus", per=12), "BS047", (12, "POWD"), "EP"),
        (compound("salep", per=20, in_="tablet"), "BS042", (20, "g"), "SD"),
    ],
)
@pytest.mark.parametrize("spec", TAKERS)
def test_a_compound_is_sent_as_what_it_is(
    spec: str, part: dict[str, Any], form: str, denominator: tuple[float, str], kind: str
) -> None:
    assert accepted(spec, part) == (part["unit"] in units_of(spec))
    medication, _ = drug(spec, part)
    [ingredient] = medication["ingredient"]
    strength = ingredient["strength"]["denominator"]
    assert (form_of(medication), (strength["value"], strength["code"])) == (form, denominator)
    assert medication["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] == kind
    assert FORMS[form] == medication["form"]["coding"][0]["display"]


@pytest.mark.parametrize("unit", ["ml", "mg", "g", "unit"])
def test_a_dispense_is_counted_in_pieces_or_packs(unit: str) -> None:
    """The ministry's rule 10050 refuses a unit of measure there, in a prescription it does not."""
    part = {"product": "OBT-001", "unit": unit}
    assert (accepted("MedicationRequest", part), accepted("MedicationDispense", part)) == (True, False)


@pytest.mark.parametrize("unit", ["salep", "krim", "tube", "botol", "vial", "tetes"])
def test_how_much_is_in_a_pack_is_not_guessed(unit: str) -> None:
    medication, _ = drug("MedicationRequest", compound(unit))
    assert "strength" not in medication["ingredient"][0]


@pytest.mark.parametrize("unit", ["ml", "g", "botol", "tube", "tetes"])
def test_a_form_that_nobody_says_is_not_guessed(unit: str) -> None:
    assert "form" not in drug("MedicationRequest", compound(unit))[0]


@pytest.mark.parametrize("spec", TAKERS)
def test_a_form_that_contradicts_the_unit_is_refused_at_the_door(spec: str) -> None:
    assert not accepted(spec, compound("salep", "kapsul"))
    assert not accepted(spec, compound("kapsul", "puyer"))


def product(form_code: str, strength: str, name: str = "Contoh") -> Reference:
    details = [{"kfa_code": "91000001", "zat_aktif": "Contoh", "kekuatan_zat_aktif": strength}]
    return Reference("93000001", {"name": name, "level": "93", "form": "x", "form_code": form_code, "details": details})


@pytest.mark.parametrize("spec", TAKERS)
@pytest.mark.parametrize(
    ("form", "strength", "denominator"),
    [
        ("BS066", "500 mg", (1, "TAB")),
        ("BS077", "500 mg", (1, "TAB")),
        ("BS022", "500 mg", (1, "TAB")),
        ("BS019", "250 mg", (1, "CAP")),
        ("BS030", "2 %", (1, "g")),
        ("BS042", "5 IU/1 g", (1, "g")),
        ("BS055", "120 mg/5 mL", (5, "mL")),
        ("BS055", "24 mg", (1, "mL")),
        ("BS034", "10 mg/1 mL", (1, "mL")),
        ("BS034", "500 mg", None),
        ("BS049", "1 g", (1, "415818006")),
        ("BS002", "100 mcg/dosis", (1, "PUFF")),
        ("BS059", "125 mg", (1, "SUPP")),
        (None, "500 mg", None),
        ("BS066", "10 mg/24 jam", None),
    ],
)
def test_the_strength_of_a_product_goes_with_its_own_form_in_whatever_unit(
    spec: str, form: str, strength: str, denominator: tuple[float, str] | None
) -> None:
    contents = [drug(spec, {"product": "OBT-001", "unit": unit}, product(form, strength))[0] for unit in UNITS]
    assert all(content == contents[0] for content in contents)
    strength_unit = contents[0]["ingredient"][0].get("strength", {}).get("denominator")
    assert (strength_unit and (strength_unit["value"], strength_unit["code"])) == denominator


STRENGTHS = st.one_of(
    st.builds("{} {}".format, st.integers(1, 1000), st.sampled_from(["mg", "mcg", "g", "IU", "%", "mL", "mmol"])),
    st.builds("{} {}/{} mL".format, st.integers(1, 500), st.sampled_from(["mg", "IU"]), st.integers(1, 10)),
    st.sampled_from(["100 mcg/dosis", "5 IU/1 g", "10 mg/24 jam", "0,5 mL", ""]),
)


@given(
    st.sampled_from(TAKERS), st.sampled_from(sorted(FORMS)), STRENGTHS, st.sampled_from(UNITS), st.sampled_from(UNITS)
)
def test_one_product_has_one_content_in_any_two_units(
    spec: str, form: str, strength: str, one: str, other: str
) -> None:
    code = product(form, strength)
    [content, same] = [drug(spec, {"product": "OBT-001", "unit": unit}, code)[0] for unit in (one, other)]
    assert content == same
    assert form_of(content) == form


@pytest.mark.parametrize("form", sorted(FORMS))
def test_every_form_of_the_code_list_has_one_content_in_all_units(form: str) -> None:
    contents = [drug("Medication", {"product": "OBT-001", "unit": unit}, product(form, "5 mg"))[0] for unit in UNITS]
    assert all(content == contents[0] for content in contents)


def strengths_of_forms() -> dict[str, Any]:
    """Return what one product of each form of the code list is sent as: 500 mg in one, and 120 mg in 5 mL."""
    return {form: [_strength(form, strength) for strength in ("500 mg", "120 mg/5 mL")] for form in sorted(FORMS)}


def _strength(form: str, strength: str) -> str | None:
    content, _ = drug("Medication", {"product": "OBT-001", "unit": "tablet"}, product(form, strength))
    sent = content["ingredient"][0].get("strength")
    parts = [f"{sent[name]['value']} {sent[name]['code']}" for name in ("numerator", "denominator")] if sent else []
    return " per ".join(parts) or None


def test_the_strength_of_each_form_is_golden() -> None:
    assert strengths_of_forms() == json.loads(STRENGTHS_FILE.read_text("utf-8"))


def test_forms_without_a_measure_are_named() -> None:
    """A product that is neither counted nor weighed, such as a gas or an implant, has its strength in its name."""
    without = set()
    for form in FORMS:
        payload = drug("Medication", {"product": "OBT-001", "unit": "tablet"}, product(form, "5 %"))[0]
        without |= set() if "strength" in payload["ingredient"][0] else {form}
    lasting = {"BS017", "BS018", "BS058", "BS083", "BS090", "BS091", "BS095", "BS096", "MF000001"}
    assert without == {"BS001", "BS012", "BS046"} | lasting


def test_a_pack_is_counted_in_words() -> None:
    words = {unit: drug("MedicationDispense", {"product": "OBT-001", "unit": unit})[1] for unit in UNITS}
    assert words["botol"]["unit"] == "Bottle - unit of product usage"
    assert not [unit for unit, quantity in words.items() if quantity["unit"].isdecimal()]


COMBINATION = Reference(
    "93000002",
    {
        "name": "Amoxicillin 500 mg / Clavulanic Acid 125 mg Tablet (UJI)",
        "level": "93",
        "details": [{"kfa_code": "91000002", "zat_aktif": "A"}, {"kfa_code": "91000003", "zat_aktif": "B"}],
    },
)
TEMPLATE = Reference("92000101", {**TABLET.row, "name": "Paracetamol 500 mg Tablet", "level": "92"})


@pytest.mark.parametrize(
    ("spec", "mapped", "code", "display"),
    [
        ("MedicationRequest", TABLET, "91000101", "Paracetamol"),
        ("MedicationRequest", TEMPLATE, "91000101", "Paracetamol"),
        ("MedicationRequest", COMBINATION, COMBINATION.reference, COMBINATION.row["name"]),
        ("MedicationDispense", TABLET, TABLET.reference, TABLET.row["name"]),
        ("MedicationAdministration", TABLET, TABLET.reference, TABLET.row["name"]),
        ("Medication", TABLET, TABLET.reference, TABLET.row["name"]),
    ],
)
def test_an_ingredient_has_the_code_that_its_display_names(
    spec: str, mapped: Reference, code: str, display: str
) -> None:
    [ingredient] = drug(spec, compound("kapsul"), mapped)[0]["ingredient"]
    [coding] = ingredient["itemCodeableConcept"]["coding"]
    assert (coding["code"], coding["display"]) == (code, display)


def test_a_template_of_several_substances_is_prescribed_by_its_name() -> None:
    template = Reference("92000102", {**COMBINATION.row, "name": "Amoxicillin / Clavulanic Acid", "level": "92"})
    [ingredient] = drug("MedicationRequest", compound("kapsul"), template)[0]["ingredient"]
    assert ingredient["itemCodeableConcept"] == {"text": "Amoxicillin / Clavulanic Acid"}


@pytest.mark.parametrize("spec", ["MedicationDispense", "MedicationAdministration", "Medication"])
def test_an_ingredient_that_is_handed_out_waits_for_the_code_of_a_product(spec: str) -> None:
    [need] = [need for need in catalog().specs[spec].needs if need.name == "ingredients"]
    assert not need.accepts(TEMPLATE)
    assert need.accepts(TABLET)


@pytest.mark.parametrize("name", ["capsule", "divided", "ointment", "cream", "syrup", "drops", "compound"])
def test_each_kind_of_compound_has_an_example(name: str) -> None:
    assert payload(Case("MedicationRequest", name, "create"))["contained"][0]["form"]


@pytest.mark.parametrize(
    ("part", "mapped", "concerned"),
    [
        (compound("kapsul"), TABLET, {"compound_content"}),
        ({"product": "OBT-001", "unit": "tablet"}, TABLET, set()),
        ({"product": "OBT-001", "unit": "kapsul"}, product("BS019", "500 mg"), set()),
        ({"product": "OBT-001", "unit": "tablet"}, product("BS019", "500 mg"), {"product_strength"}),
        ({"product": "OBT-001", "unit": "botol"}, product("BS055", "120 mg/5 mL"), {"product_strength"}),
        ({"product": "OBT-001", "unit": "ml"}, product("BS055", "120 mg/5 mL"), set()),
        ({"product": "OBT-001", "unit": "g"}, product("BS030", "1 mg/1 g"), {"product_strength"}),
        ({"product": "OBT-001", "unit": "bungkus"}, TABLET, {"product_strength"}),
    ],
)
@pytest.mark.parametrize("spec", TAKERS)
def test_what_was_sent_with_wrong_content_is_declared(
    spec: str, part: dict[str, Any], mapped: Reference, concerned: set[str]
) -> None:
    entry = catalog().specs[spec]
    view = {"reference": mapped.reference, "row": mapped.row, "key": "OBT-001", "item": None}
    needs = dict.fromkeys(need.name for need in entry.needs)
    seen = context(entry, record(spec, part), FACILITY, {**needs, "product": view if "product" in part else None})
    names = {
        correction.name for correction in entry.corrections if correction.when is None or correction.when.render(seen)
    }
    assert names == concerned
