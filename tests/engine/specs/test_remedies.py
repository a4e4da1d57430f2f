"""Remedies: every cause in the shipped configuration is explained in plain words, with the role that fixes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.messages import message
from engine.catalog.catalog import load
from engine.delivery.causes import cause_text
from engine.specs.remedies import Remedies, Remedy
from engine.specs.text import Text

SHIPPED = Path(__file__).resolve().parents[3] / "config"
PLATFORM = [str(code) for code in range(20002, 20022)]


@pytest.fixture(scope="module")
def remedies() -> Remedies:
    return load(SHIPPED).upstreams["satusehat"].remedies


@pytest.mark.parametrize(
    ("cause", "title", "who"),
    [
        (
            cause_text("rejected", "10003", "Condition.code[0]", "Code not found: 'X99.99' in system: http://a"),
            "Kode diagnosa tidak dikenal",
            "petugas",
        ),
        (
            cause_text("rejected", "10003", None, "Invalid coding system: http://a"),
            "Daftar kode tidak sesuai: Diagnosa: kode (Condition.code)",
            "integrator",
        ),
        (
            cause_text(
                "rejected", "10124", None, "Reference is mandatory : Encounter.serviceProvider (RuleNumber: 10124)"
            ),
            "Belum lengkap: Kunjungan: fasilitas penyelenggara (Encounter.serviceProvider)",
            "petugas",
        ),
        (
            cause_text("rejected", "10328", "CarePlan.description"),
            "Belum lengkap: Rencana rawat: keterangan (CarePlan.description)",
            "petugas",
        ),
        (
            cause_text("rejected", "10169", None, "Code not found: 'https://fhir.kemkes.go.id/Questionnaire/Q1'"),
            "Nomor formulir tidak dikenal",
            "integrator",
        ),
        (
            cause_text("rejected", None, None, "EpisodeOfCare.status :: patient reference can't be empty"),
            "Perubahan episode tidak menyebut pasiennya",
            "integrator",
        ),
        (
            cause_text("rejected", "10307", None, "Performer function must contains code AP or OP (RuleNumber: 10307)"),
            "Keterangan imunisasi belum lengkap",
            "petugas",
        ),
        (cause_text("rejected", "10397", "Patient.birthDate"), "Tanggal lahir belum ada", "pendaftaran"),
        (cause_text("rejected", "200", None, "Citizen Not Exists"), "NIK tidak terdaftar di Dukcapil", "pendaftaran"),
        (
            cause_text("rejected", "403", "Bundle.x", "You don't have permission to edit resource"),
            "Data ini milik fasilitas lain",
            "admin",
        ),
        (cause_text("unavailable", "503", None, "no healthy upstream"), "Satu Sehat sedang padam", "kementerian"),
        (cause_text("unavailable", None, None, "Connection refused"), "Satu Sehat tidak terjangkau", "admin"),
        (
            cause_text("check", None, None, "$.birthDate: is missing; Patient requires it"),
            "Tanggal lahir belum diisi",
            "pendaftaran",
        ),
        (
            cause_text("check", None, None, "$.resourceType: is missing; name the type as FHIR spells it"),
            "Jenis data tidak dikenal",
            "integrator",
        ),
        (
            cause_text("lookup", None, None, "Tidak ditemukan di sistem tujuan; periksa nomor yang dicari."),
            "NIK tidak ditemukan di Satu Sehat",
            "pendaftaran",
        ),
        (
            cause_text("rejected", "400", "Claim.x[2].y", "Element not found: Claim.x"),
            "Belum diisi: Claim.x.y",
            "petugas",
        ),
    ],
)
def test_a_cause_is_told_in_plain_words(remedies: Remedies, cause: str, title: str, who: str) -> None:
    explanation = remedies.explain(cause)
    assert explanation is not None
    assert (explanation.title.id, explanation.who) == (title, who)


CLOCK, CONTRACT = "Jam server tidak tepat", "Unauthorized! Consumer ID is expired!"


@pytest.mark.parametrize(
    ("upstream", "message", "is_the_clock"),
    [
        ("pcare", "Service Expired", True),
        ("antrean", "Service Expired", True),
        ("pcare", CONTRACT, False),
        ("antrean", CONTRACT, False),
    ],
)
def test_a_clock_that_is_wrong_is_called_that_and_nothing_else_is(
    upstream: str, message: str, is_the_clock: bool
) -> None:
    explanation = load(SHIPPED).upstreams[upstream].remedies.explain(cause_text("unauthorized", "401", None, message))
    assert explanation is not None
    assert (explanation.title.id == CLOCK) == is_the_clock


def test_every_rule_number_is_told_even_without_words(remedies: Remedies) -> None:
    silent = [code for code in [*remedies.rules, *PLATFORM] if remedies.explain(cause_text("rejected", code)) is None]
    assert silent == []
    assert len(remedies.rules) == 544


def test_nothing_is_left_to_fill_in(remedies: Remedies) -> None:
    explanations = [remedies.explain(cause_text("rejected", code)) for code in remedies.rules]
    texts = [text for one in explanations if one is not None for text in (one.title, one.remedy)]
    assert len(texts) == 2 * len(explanations)
    assert not [text for text in texts if "{" in text.id + text.en]


def test_what_is_not_known_is_not_told(remedies: Remedies) -> None:
    assert remedies.explain(cause_text("rejected", "99999", None, "Something quite new")) is None
    assert Remedies().explain("rejected:1:x") is None


@pytest.mark.parametrize(
    ("cause", "own_value"),
    [
        (cause_text("rejected", "200", None, "Citizen Not Exists"), True),
        (cause_text("rejected", "10121", "Encounter.period"), True),
        (cause_text("rejected", "10003", "Condition.code[0]", "Code not found: 'X99.99'"), False),
        (cause_text("check", None, None, "$.status: must be one of finished, cancelled"), False),
    ],
)
def test_a_remedy_says_whether_each_record_needs_a_value_of_its_own(
    remedies: Remedies, cause: str, own_value: bool
) -> None:
    explanation = remedies.explain(cause)
    assert explanation is not None
    assert explanation.own_value == own_value


def test_images_that_are_not_there_are_not_called_a_wrong_nik(remedies: Remedies) -> None:
    cause = cause_text("lookup", words=message("find.nothing"))
    images, person = (remedies.explain(cause, spec) for spec in ("ImagingStudy", "Practitioner"))
    assert images is not None
    assert person is not None
    assert (images.title.id, images.who, images.act) == ("Citra radiologi belum ada di Satu Sehat", "petugas", "resend")
    assert (person.title.id, person.who) == ("NIK tidak ditemukan di Satu Sehat", "pendaftaran")


def test_a_remedy_of_certain_types_is_for_no_other() -> None:
    remedy = Remedy(Text.plain("a"), Text.plain("b"), "admin", types=frozenset({"Visit"}))
    remedies = Remedies((remedy,))
    explained = [remedies.explain("rejected:1:x", spec) is not None for spec in ("Visit", "Order", "")]
    assert explained == [True, False, False]
