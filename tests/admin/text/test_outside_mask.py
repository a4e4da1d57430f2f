"""What leaves the clinic for a helpdesk: codes, ids, addresses and times, and nothing that tells who a person is."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from admin.text.outside_mask import MASK, OutsideMask

RECORD = {"nik": "3171010101010001", "name": "Budi Santoso", "norm": "RM-77", "phone": "081234567890"}
UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": UUID,
    "identifier": [{"system": "https://fhir.kemkes.go.id/id/nik", "value": "3171010101010001"}],
    "name": [{"use": "official", "text": "Budi Santoso", "given": ["Budi"]}],
    "birthDate": "1988-09-15",
    "deceasedDateTime": "2020-01-01",
    "address": [{"line": ["Jl. Mawar 5"], "city": "Bandung", "postalCode": "40111"}],
    "telecom": [{"system": "phone", "value": "081234567890"}],
    "generalPractitioner": {"reference": "Practitioner/N10000001", "display": "dr. Laras"},
    "text": {"status": "generated", "div": "<div>Budi</div>"},
    "period": {"start": "2026-03-10T08:45:00+07:00"},
    "Budi Santoso": "x",
    "noKartu": "0001234567890",
    "card": 1234567890123,
    "dose": 2.5,
}


def text_of(value: Any) -> str:
    return orjson.dumps(value).decode()


def test_nothing_of_the_person_is_left_of_a_request() -> None:
    body = OutsideMask(RECORD).body(orjson.dumps(PATIENT), is_answer=False)
    left = text_of(body)
    persons = ("3171", "Budi", "Santoso", "1988", "2020", "Mawar", "Bandung", "40111", "0812", "Laras", "12345")
    assert [word for word in persons if word in left] == []


def test_codes_ids_addresses_of_systems_and_times_stay() -> None:
    body = OutsideMask(RECORD).body(orjson.dumps(PATIENT), is_answer=False)
    assert (body["resourceType"], body["id"], body["dose"]) == ("Patient", UUID, 2.5)
    assert body["identifier"] == [{"system": "https://fhir.kemkes.go.id/id/nik", "value": MASK}]
    assert body["name"][0] == {"use": "official", "text": MASK, "given": [MASK]}
    assert body["generalPractitioner"]["reference"] == "Practitioner/N10000001"
    assert body["period"] == {"start": "2026-03-10T08:45:00+07:00"}


@pytest.mark.parametrize(
    ("said", "left"),
    [
        (
            "Element not found: Encounter.period (Rule Number: 10229)",
            "Element not found: Encounter.period (Rule Number: 10229)",
        ),
        ("NIK 3171010101010001 of BUDI SANTOSO is taken", f"NIK {MASK} of {MASK} is taken"),
        ("name 'Siti Aminah' does not match", f"name '{MASK}' does not match"),
        ("unknown code 'Patient'", "unknown code 'Patient'"),
        ("Santoso, card 123456", f"{MASK}, card {MASK}"),
    ],
)
def test_the_words_of_an_upstream_are_kept_without_the_person(said: str, left: str) -> None:
    mask = OutsideMask(RECORD)
    mask.body(orjson.dumps(PATIENT), is_answer=False)
    answer = mask.body(orjson.dumps({"issue": [{"diagnostics": said}]}), is_answer=True)
    assert answer["issue"][0]["diagnostics"] == left


@pytest.mark.parametrize(
    ("path", "left"),
    [
        (f"/Patient/{UUID}", f"/Patient/{UUID}"),
        ("/Patient?name=Budi&identifier=x%7C3171", f"/Patient?name={MASK}&identifier={MASK}"),
        ("/peserta/0001234567890", f"/peserta/{MASK}"),
        ("/pcare-rest/v1/pasien/RM-000203", f"/pcare-rest/v1/pasien/{MASK}"),
        ("/a?Budi Santoso=1", f"/a?{MASK}={MASK}"),
    ],
)
def test_a_path_keeps_the_names_of_services_and_ids_of_the_upstream(path: str, left: str) -> None:
    assert OutsideMask(RECORD).path(path) == left


@pytest.mark.parametrize("body", [b"<html>Budi Santoso 3171010101010001</html>", b'{"cut": "Budi', b"\xff\xfe"])
def test_a_body_that_is_no_json_is_masked_as_words(body: bytes) -> None:
    mask = OutsideMask(RECORD)
    assert "Budi" not in mask.body(body, is_answer=True)
    assert mask.body(body, is_answer=False) == MASK


def test_a_deep_body_ends() -> None:
    deep = orjson.loads(b'{"a":' * 200 + b"1" + b"}" * 200)
    assert MASK in text_of(OutsideMask({}).body(orjson.dumps(deep), is_answer=True))
