"""Consents: one of each patient and facility, and what is refused."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

ADDRESS = "/consent/v1/Consent"
OPT_IN = {"patient_id": "P01234567890", "action": "OPTIN", "agent": "Sari Uji"}


def give(api: httpx.Client, **changes: Any) -> httpx.Response:
    return api.post(ADDRESS, json=OPT_IN | changes)


def test_the_newest_answer_counts(api: httpx.Client) -> None:
    first, second = give(api), give(api, action="OPTOUT")
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json()["id"] == second.json()["id"]
    now = api.get(ADDRESS, params={"patient_id": OPT_IN["patient_id"]}).json()
    assert now["policyRule"]["coding"][0]["code"] == "OPTOUT"
    assert now["organization"] == [{"reference": "Organization/100099001"}]


@pytest.mark.parametrize("changes", [{"patient_id": "P00000000000"}, {"action": "MAYBE"}, {"agent": " "}])
def test_a_wrong_answer_is_refused(api: httpx.Client, changes: dict[str, str]) -> None:
    assert give(api, **changes).status_code == 400


def test_nobody_without_a_token_is_answered(outside: httpx.Client) -> None:
    assert give(outside).status_code == 401


def test_a_patient_who_was_not_asked_has_none(api: httpx.Client) -> None:
    assert api.get(ADDRESS, params={"patient_id": OPT_IN["patient_id"]}).status_code == 404
