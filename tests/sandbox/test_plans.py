"""Impressions, plans, goals, risks, family histories, diets, glasses, roles, documents and tasks: refusals by rule."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from sandbox.world import World
from tests.sandbox.conftest import rule_numbers
from tests.sandbox.samples import sample

CODE = {"coding": [{"system": "http://example.org", "code": "1"}]}
ELSEWHERE = {"reference": "Organization/100099001"}


def post(api: httpx.Client, name: str, **changes: Any) -> httpx.Response:
    content = sample(name, **changes)
    return api.post(f"/fhir-r4/v1/{content['resourceType']}", json=content)


@pytest.mark.parametrize(
    ("name", "element", "number"),
    [
        ("clinical_impression", "status", 10080),
        ("clinical_impression", "subject", 10148),
        ("clinical_impression", "encounter", 10149),
        ("care_plan", "status", 10115),
        ("care_plan", "intent", 10116),
        ("care_plan", "description", 10328),
        ("care_plan", "title", 10329),
        ("care_plan", "subject", 10380),
        ("goal", "lifecycleStatus", 10730),
        ("goal", "subject", 10734),
        ("risk_assessment", "status", 10710),
        ("risk_assessment", "subject", 10726),
        ("related_person", "patient", 10162),
        ("family_member_history", "status", 10113),
        ("family_member_history", "relationship", 10114),
        ("family_member_history", "patient", 10158),
        ("vision_prescription", "status", 10682),
        ("vision_prescription", "encounter", 10685),
        ("document_reference", "date", 10502),
        ("practitioner_role", "practitioner", 10931),
        ("practitioner_role", "organization", 10932),
        ("practitioner_role", "code", 10933),
        ("imaging_study", "identifier", 10150),
        ("imaging_study", "modality", 10152),
        ("imaging_study", "basedOn", 10154),
    ],
)
def test_a_missing_element_is_named_by_its_rule(api: httpx.Client, name: str, element: str, number: int) -> None:
    answer = post(api, name, **{element: None})
    assert answer.status_code == 400
    assert rule_numbers(answer) == {number}


@pytest.mark.parametrize(
    ("name", "changes", "number"),
    [
        ("clinical_impression", {"code": CODE}, 10845),
        ("clinical_impression", {"prognosisCodeableConcept": [CODE]}, 10083),
        ("clinical_impression", {"problem": [ELSEWHERE]}, 10421),
        ("clinical_impression", {"date": "2026-03-10"}, 10419),
        ("care_plan", {"category": [CODE]}, 10330),
        ("care_plan", {"author": ELSEWHERE}, 10382),
        ("goal", {"category": [CODE]}, 10732),
        ("goal", {"addresses": [ELSEWHERE]}, 10826),
        ("goal", {"statusDate": "2026-03-10T08:00:00+00:00"}, 10846),
        ("goal", {"target": [{"measure": CODE}]}, 10735),
        ("risk_assessment", {"code": CODE}, 10711),
        ("risk_assessment", {"prediction": [{"qualitativeRisk": CODE}]}, 10715),
        ("family_member_history", {"condition": [{"code": CODE}]}, 10707),
        ("nutrition_order", {"excludeFoodModifier": [CODE]}, 10828),
        ("vision_prescription", {"prescriber": ELSEWHERE}, 10687),
        ("practitioner_role", {"specialty": [CODE]}, 10934),
        ("practitioner_role", {"availableTime": [{"availableStartTime": "08:00"}]}, 10940),
    ],
)
def test_a_wrong_value_is_named_by_its_rule(api: httpx.Client, name: str, changes: dict[str, Any], number: int) -> None:
    answer = post(api, name, **changes)
    assert answer.status_code == 400
    assert f"RuleNumber: {number}" in answer.text


def test_the_number_of_an_impression_is_used_once(world: World, api: httpx.Client) -> None:
    assert post(api, "clinical_impression").status_code == 201
    assert rule_numbers(post(api, "clinical_impression")) == {20002}
