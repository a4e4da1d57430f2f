"""*Coba* masks what is private in a row and its record, and leaves other long numbers as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from admin.pages.sources.private_values import PrivateValues
from engine.catalog.catalog import load
from engine.identifiers import masked_by_form
from engine.sources.trial import TriedRow
from tests.engine.small_hub import CATALOG

SOURCE = """
sources:
  tabib:
    label: Tabib
    system: sqlite
    credentials: {database: Nama database}
    grants: [orang]
    reads:
      people:
        into: Person
        by: all
        query: SELECT nomor, no_ktp, resep FROM orang
        let: {number: "{{ row.no_ktp | digits(16) }}"}
        skip: "{{ not number }}"
        because: Tanpa NIK.
        key: "{{ row.nomor }}"
        record: {id: "{{ row.nomor }}", nik: "{{ number }}", at: "2026-03-10"}
        example: {row: {nomor: "1", no_ktp: "3171010101010001", resep: "202603100001"}}
"""


def shown(tmp_path: Path, row: dict[str, Any]) -> list[str]:
    """Return the key, the columns of a row and the NIK of its record as the page shows them."""
    (tmp_path / "resources.yaml").write_text(CATALOG + SOURCE)
    catalog = load(tmp_path, {"scripted"})
    read = catalog.sources["tabib"].reads["people"]
    facility = {"code": "k", "name": "K", "time_zone": "Asia/Jakarta", "organization_id": "1"}
    [made] = read.made(row, {}, {}, facility)
    private = PrivateValues(catalog.specs["Person"], read, TriedRow(row, made))
    return [private.hide(value) for value in (made.key, *row.values(), (made.record or {}).get("nik"))]


@pytest.mark.parametrize(
    ("no_ktp", "masked"),
    [
        ("3171010101010001", "••••••••••••0001"),
        (3171010101010001, "••••••••••••0001"),
        ("317101010101000", "•••••••••••1000"),  # a digit is missing: the row is skipped
        ("31-71", "•••71"),
        ("-", "-"),
    ],
)
def test_what_a_private_field_is_made_of_is_masked_whatever_its_form(tmp_path: Path, no_ktp: Any, masked: str) -> None:
    [_, nomor, shown_ktp, resep, _] = shown(tmp_path, {"nomor": "12", "no_ktp": no_ktp, "resep": "202603100001"})
    assert (nomor, shown_ktp, resep) == ("12", masked, "202603100001")


def test_a_private_value_is_masked_in_the_other_texts_too(tmp_path: Path) -> None:
    row = {"nomor": "9999999999999999", "no_ktp": "9999999999999999", "resep": "9999999999999999/1"}
    assert shown(tmp_path, row) == [*["••••••••••••9999"] * 3, "••••••••••••9999/1", "••••••••••••9999"]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("NIK 3171010101010001", "NIK ••••••••••••0001"),
        ("3171014101010001", "••••••••••••0001"),  # of a woman
        ("0001234567890", "•••••••••7890"),
        ("081234567890", "••••••••7890"),
        ("0812-3456-7890", "••••••••••7890"),
        ("202603100001", "202603100001"),
        ("2026/03/10/000001", "2026/03/10/000001"),
        ("20260310000000001", "20260310000000001"),
        ("2026031000000001", "2026031000000001"),
        ("3171013201010001", "3171013201010001"),  # no day of birth
        ("3171010113010001", "3171010113010001"),  # no month
        ("1234567890123", "1234567890123"),
        ("0215550100", "0215550100"),
    ],
)
def test_only_what_has_the_form_of_an_identifier_is_masked_elsewhere(text: str, masked: str) -> None:
    assert masked_by_form(text) == masked
