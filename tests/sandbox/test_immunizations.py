"""Immunizations: what the ministry wants of a dose that is given, remembered or refused."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.sandbox.conftest import rule_numbers, texts
from tests.sandbox.samples import sample


def post(api: httpx.Client, name: str = "immunization", /, **changes: Any) -> httpx.Response:
    return api.post("/fhir-r4/v1/Immunization", json=sample(name, **changes))


def function(code: str) -> list[dict[str, Any]]:
    performers: list[dict[str, Any]] = sample("immunization")["performer"]
    coding = {"system": "http://terminology.hl7.org/CodeSystem/v2-0443", "code": code}
    return [{**performers[0], "function": {"coding": [coding]}}]


@pytest.mark.parametrize(
    ("element", "number"),
    [
        ("vaccineCode", 10103),
        ("reasonCode", 10105),
        ("status", 10107),
        ("patient", 10155),
        ("occurrenceDateTime", 10156),
        ("primarySource", 10292),
        ("encounter", 10293),
        ("location", 10305),
        ("lotNumber", 10306),
        ("expirationDate", 10307),
        ("recorded", 10451),
    ],
)
def test_a_missing_element_is_named_by_its_rule(api: httpx.Client, element: str, number: int) -> None:
    assert rule_numbers(post(api, **{element: None})) == {number}


def test_the_number_of_the_dose_is_wanted(api: httpx.Client) -> None:
    assert rule_numbers(post(api, protocolApplied=None)) == {10450, 10456}
    assert rule_numbers(post(api, protocolApplied=[{"series": "x"}])) == {10456}


def test_who_gave_it_is_told_from_who_entered_it(api: httpx.Client) -> None:
    assert texts(post(api, performer=function("EP"))) == [
        "Performer function must contains code AP or OP (RuleNumber: 10307)"
    ]
    assert texts(post(api, "immunization_history", performer=function("AP"))) == [
        "Performer function must contains code EP (RuleNumber: 10307)"
    ]
    assert rule_numbers(post(api, performer=None)) == {10104, 10294, 10307}
    assert rule_numbers(post(api, performer=function("XX"))) == {10104, 10307}


def test_a_lot_must_not_have_expired(api: httpx.Client) -> None:
    assert rule_numbers(post(api, expirationDate="2026-03-09")) == {10307}
    assert post(api, expirationDate="2026-03-10").status_code == 201


def test_one_that_was_not_given_has_no_lot(api: httpx.Client) -> None:
    changes = {"lotNumber": None, "expirationDate": None, "location": None}
    assert post(api, status="not-done", **changes).status_code == 201


def test_a_vaccine_that_the_dictionary_lacks_is_not_found(api: httpx.Client) -> None:
    coding = [{"system": "http://sys-ids.kemkes.go.id/kfa", "code": "93999998"}]
    assert rule_numbers(post(api, vaccineCode={"coding": coding})) == {10103}


def test_they_are_searched_by_patient_only(api: httpx.Client) -> None:
    made = post(api).json()
    patient = made["patient"]["reference"].partition("/")[2]
    found = api.get("/fhir-r4/v1/Immunization", params={"patient": patient}).json()
    assert [one["resource"]["id"] for one in found["entry"]] == [made["id"]]
    assert api.get("/fhir-r4/v1/Immunization", params={"encounter": "x"}).status_code == 400
