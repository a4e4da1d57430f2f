"""Drugs from prescription to administration, and laboratory: refusals and their texts."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from sandbox.world import World
from tests.sandbox.conftest import rule_numbers, texts
from tests.sandbox.samples import sample

KFA = "http://sys-ids.kemkes.go.id/kfa"
UNITS = "http://terminology.kemkes.go.id/CodeSystem/kfa-satuan"


def post(api: httpx.Client, name: str, /, **changes: Any) -> httpx.Response:
    content = sample(name, **changes)
    return api.post(f"/fhir-r4/v1/{content['resourceType']}", json=content)


def drug(name: str, code: str) -> list[dict[str, Any]]:
    """Return the contained drug of an example, with another KFA code."""
    (medicine,) = sample(name)["contained"]
    return [{**medicine, "code": {"coding": [{"system": KFA, "code": code, "display": "x"}]}}]


@pytest.mark.parametrize(
    ("name", "element", "number"),
    [
        ("medication", "extension", 10031),
        ("medication", "status", 10026),
        ("medication_request", "medicationReference", 10135),
        ("medication_request", "subject", 10136),
        ("medication_request", "authoredOn", 10337),
        ("medication_request", "identifier", 10388),
        ("medication_request", "encounter", 10454),
        ("medication_request", "requester", 10455),
        ("medication_dispense", "status", 10049),
        ("medication_dispense", "medicationReference", 10138),
        ("medication_dispense", "subject", 10139),
        ("medication_dispense", "context", 10390),
        ("medication_dispense", "identifier", 10389),
        ("medication_statement", "status", 10159),
        ("medication_statement", "medicationCodeableConcept", 10160),
        ("medication_statement", "subject", 10161),
        ("medication_administration", "medicationReference", 10758),
        ("service_request_lab", "performer", 10377),
        ("service_request_lab", "identifier", 10415),
        ("service_request_lab", "status", 10065),
        ("service_request_lab", "intent", 10063),
        ("service_request_lab", "code", 10060),
        ("service_request_lab", "subject", 10141),
        ("service_request_lab", "encounter", 10142),
        ("specimen", "subject", 10143),
        ("specimen", "type", 10070),
        ("diagnostic_report", "result", 10385),
        ("diagnostic_report", "encounter", 10145),
    ],
)
def test_a_missing_element_is_named_by_its_rule(api: httpx.Client, name: str, element: str, number: int) -> None:
    answer = post(api, name, **{element: None})
    assert answer.status_code == 400
    assert rule_numbers(answer) == {number}


def test_a_drug_that_the_dictionary_lacks_is_not_found(api: httpx.Client) -> None:
    answer = post(api, "medication_request", contained=drug("medication_request", "93999998"))
    assert texts(answer) == [f"Code not found: '93999998' in system: {KFA} (RuleNumber: 10024)"]
    assert answer.json()["issue"][0]["expression"][0].startswith("MedicationRequest.contained[0].code")


def test_a_withdrawn_drug_is_not_found_until_it_is_brought_back(world: World, api: httpx.Client) -> None:
    world.kfa.products.withdraw("93002313")
    contained = drug("medication_request", "93002313")
    assert rule_numbers(post(api, "medication_request", contained=contained)) == {10024}
    world.kfa.products.restore("93002313")
    assert post(api, "medication_request", contained=contained).status_code == 201


def test_a_template_can_be_prescribed_but_not_handed_out(api: httpx.Client) -> None:
    assert post(api, "medication_request", contained=drug("medication_request", "92500001")).status_code == 201
    answer = post(api, "medication_dispense", contained=drug("medication_dispense", "92500001"))
    assert rule_numbers(answer) == {10138}


def test_a_stored_drug_must_be_a_product_too(api: httpx.Client) -> None:
    coding = {"system": KFA, "code": "92500001"}
    stored = post(api, "medication", code={"coding": [coding]}).json()
    reference = {"reference": f"Medication/{stored['id']}"}
    answer = post(api, "medication_dispense", contained=None, medicationReference=reference)
    assert rule_numbers(answer) == {10138}


def test_a_compound_needs_no_code_but_its_ingredients_do(api: httpx.Client) -> None:
    ingredient = [{"itemCodeableConcept": {"coding": [{"system": KFA, "code": "91999999"}]}}]
    assert rule_numbers(post(api, "medication_compound", ingredient=ingredient)) == {10030}
    assert rule_numbers(post(api, "medication", code={"text": "x"})) == {10024}


def test_a_compound_may_have_neither_code_nor_text(api: httpx.Client) -> None:
    assert post(api, "medication_compound", code=None).status_code == 201
    assert rule_numbers(post(api, "medication", code=None)) == {10024}


@pytest.mark.parametrize("expires", ["2027-12-31", "2027-12-31T00:00:00+00:00"])
def test_a_lot_expires_on_a_day_or_at_a_moment(api: httpx.Client, expires: str) -> None:
    batch = {"lotNumber": "UJI2401A", "expirationDate": expires}
    assert post(api, "medication", batch=batch).status_code == 201


@pytest.mark.parametrize("expires", ["2027-12", "31-12-2027", "2027-12-31T00:00:00"])
def test_a_lot_does_not_expire_at_some_time(api: httpx.Client, expires: str) -> None:
    assert rule_numbers(post(api, "medication", batch={"expirationDate": expires})) == {10310}


def test_tablets_may_be_divided_into_capsules(api: httpx.Client) -> None:
    """The Ministry's examples of the type EP: a number of tablets in a number of capsules."""
    forms = "http://terminology.hl7.org/CodeSystem/v3-orderableDrugForm"
    coding = [{"system": KFA, "code": "91000101", "display": "Paracetamol"}]
    amount = {"value": 5, "system": forms, "code": "TAB"}
    strength = {"numerator": amount, "denominator": {"value": 10, "system": forms, "code": "CAP"}}
    ingredient = [{"itemCodeableConcept": {"coding": coding}, "isActive": True, "strength": strength}]
    assert post(api, "medication_compound", ingredient=ingredient).status_code == 201


def test_the_dictionarys_own_units_are_refused(api: httpx.Client) -> None:
    answer = post(api, "medication_dispense", quantity={"value": 10, "system": UNITS, "code": "UN1"})
    assert texts(answer) == [f"Invalid coding system: {UNITS} (RuleNumber: 10050)"]


def test_a_word_is_no_route(api: httpx.Client) -> None:
    line = {**sample("medication_dispense")["dosageInstruction"][0]}
    line["route"] = {"coding": [{"system": "http://www.whocc.no/atc", "code": "Topical"}]}
    answer = post(api, "medication_dispense", dosageInstruction=[line])
    assert texts(answer) == ["Code not found: 'Topical' in system: http://www.whocc.no/atc (RuleNumber: 10056)"]


@pytest.mark.parametrize(
    ("name", "system", "code", "number"),
    [
        (
            "medication_dispense",
            "http://terminology.hl7.org/CodeSystem/medicationdispense-category",
            "outpatient",
            10048,
        ),
        (
            "medication_statement",
            "http://terminology.hl7.org/CodeSystem/medication-statement-category",
            "discharge",
            10436,
        ),
    ],
)
def test_a_category_of_another_list_is_refused(
    api: httpx.Client, name: str, system: str, code: str, number: int
) -> None:
    assert rule_numbers(post(api, name, category={"coding": [{"system": system, "code": code}]})) == {number}


def test_a_drug_is_not_handed_over_before_it_is_prepared(api: httpx.Client) -> None:
    answer = post(api, "medication_dispense", whenHandedOver="2026-03-10T02:00:00+00:00")
    assert answer.json()["issue"][0]["diagnostics"].endswith("MedicationDispense.whenHandedOver")


def test_the_prescription_of_a_dispense_must_exist(api: httpx.Client) -> None:
    answer = post(api, "medication_dispense", authorizingPrescription=[{"reference": "MedicationRequest/none"}])
    assert rule_numbers(answer) == {20007}


@pytest.mark.parametrize("name", ["medication_request", "medication_dispense", "specimen", "diagnostic_report"])
def test_a_line_sent_twice_is_refused(api: httpx.Client, name: str) -> None:
    assert post(api, name).status_code == 201
    assert rule_numbers(post(api, name)) == {20002}


@pytest.mark.parametrize("name", ["medication", "medication_request", "medication_dispense", "specimen"])
def test_what_was_sent_is_found_by_its_identifier(api: httpx.Client, name: str) -> None:
    stored = post(api, name).json()
    key = stored["identifier"][-1]
    asked = {"identifier": f"{key['system']}|{key['value']}"}
    bundle = api.get(f"/fhir-r4/v1/{stored['resourceType']}", params=asked).json()
    assert [one["resource"]["id"] for one in bundle["entry"]] == [stored["id"]]


def test_a_report_says_of_which_department_it_is(api: httpx.Client) -> None:
    identifier = [{"system": "http://sys-ids.kemkes.go.id/diagnostic/100099001", "value": "1"}]
    assert rule_numbers(post(api, "diagnostic_report", identifier=identifier)) == {10432}


@pytest.mark.parametrize(
    ("element", "coding", "number"),
    [
        ("locationCode", {"system": "http://snomed.info/sct", "code": "225728007"}, 10067),
        ("category", {"system": "http://loinc.org", "code": "718-7"}, 10462),
        ("reasonCode", {"system": "http://loinc.org", "code": "718-7"}, 10064),
    ],
)
def test_an_order_takes_codes_of_the_right_lists_only(
    api: httpx.Client, element: str, coding: dict[str, str], number: int
) -> None:
    assert rule_numbers(post(api, "service_request_control", **{element: [{"coding": [coding]}]})) == {number}
