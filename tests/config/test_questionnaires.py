"""Forms: recognised by their own number, and left to a person where the search does not show it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.config.shipped import catalog, scope

SPEC = catalog().specs["QuestionnaireResponse"]
FORM = "https://fhir.kemkes.go.id/Questionnaire/Q0007"
AT = "2026-03-10T02:00:00+00:00"


@pytest.mark.parametrize(
    ("candidate", "verdict"),
    [
        ({"identifier": {"value": "TR-20260310-0001"}, "questionnaire": FORM}, True),
        ({"identifier": {"value": "TR-2"}, "questionnaire": FORM, "authored": AT}, False),
        ({"identifier": [], "questionnaire": FORM, "authored": AT}, None),
        ({"questionnaire": FORM, "authored": AT}, None),
        ({"questionnaire": FORM, "authored": "2026-03-10T03:00:00+00:00"}, False),
        ({"questionnaire": f"{FORM}8", "authored": AT}, False),
        ({}, False),
    ],
)
def test_it_is_known_by_its_number(candidate: dict[str, Any], verdict: bool | None) -> None:
    assert SPEC.find is not None
    assert SPEC.find.match is not None
    assert SPEC.find.match.render({**scope(SPEC, SPEC.example), "candidate": candidate}) is verdict
