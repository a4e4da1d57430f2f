"""Answers to forms: what the ministry wants of each, down to nested questions."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.sandbox.conftest import rule_numbers
from tests.sandbox.samples import sample


def post(api: httpx.Client, **changes: Any) -> httpx.Response:
    return api.post("/fhir-r4/v1/QuestionnaireResponse", json=sample("questionnaire_response", **changes))


@pytest.mark.parametrize(
    ("element", "number"),
    [("status", 10112), ("questionnaire", 10169), ("subject", 10370), ("author", 10371), ("source", 10372)],
)
def test_a_missing_element_is_named_by_its_rule(api: httpx.Client, element: str, number: int) -> None:
    assert rule_numbers(post(api, **{element: None})) == {number}


def test_a_form_has_a_number_of_the_ministry(api: httpx.Client) -> None:
    base = "https://fhir.kemkes.go.id/Questionnaire"
    assert post(api, questionnaire=f"{base}/Q0026").status_code == 201
    assert rule_numbers(post(api, questionnaire=f"{base}/pengkajian")) == {10169}


def test_a_nested_answer_takes_codes_of_the_right_lists_only(api: httpx.Client) -> None:
    answer = [{"valueCoding": {"system": "http://loinc.org", "code": "718-7"}}]
    nested = [{"linkId": "1", "item": [{"linkId": "1.1", "item": [{"linkId": "1.1.1", "answer": answer}]}]}]
    assert rule_numbers(post(api, item=nested)) == {10665}


def test_a_reviewed_prescription_must_exist(api: httpx.Client) -> None:
    item = [{"linkId": "4", "answer": [{"valueReference": {"reference": "MedicationRequest/none"}}]}]
    assert rule_numbers(post(api, item=item)) == {20007}


def test_they_are_searched_by_visit_and_patient(api: httpx.Client) -> None:
    made = post(api).json()
    query = {name: made[name]["reference"].partition("/")[2] for name in ("encounter",)}
    query["patient"] = made["subject"]["reference"].partition("/")[2]
    found = api.get("/fhir-r4/v1/QuestionnaireResponse", params=query).json()
    assert [one["resource"]["id"] for one in found["entry"]] == [made["id"]]
