"""Masking: identifiers are hidden in every text, and an edit restores them."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from admin.text.masking import Masks, UnknownMask
from engine.identifiers import masked

NIK, OTHER = "3171010101010001", "3271010101010001"


@pytest.mark.parametrize(
    ("text", "masked_text"),
    [
        (f'"{NIK}"', '"••••••••••••0001"'),
        (f"identifier=https%3A%2F%2Fnik%7C{NIK}&x=1", "identifier=https%3A%2F%2Fnik%7C••••••••••••0001&x=1"),
        (f"nik|{NIK}", "nik|••••••••••••0001"),
        (f"NIK{NIK}", "NIK••••••••••••0001"),
        ('{"noKartu":"0001234567890"}', '{"noKartu":"•••••••••7890"}'),
        ('{"telecom":[{"value":"+62812-3456-7890"}]}', '{"telecom":[{"value":"••••••••••••7890"}]}'),
        ("tel:081234567890", "tel:••••••••7890"),
        ("0812 3456 7890", "••••••••••7890"),
        ("0001-2345-6789-0123", "•••••••••••••••0123"),
        ('{"nik": 3171010101010001}', '{"nik": ••••••••••••0001}'),
    ],
)  # fmt: skip
def test_an_identifier_is_hidden_but_for_its_last_four_digits(text: str, masked_text: str) -> None:
    assert masked(text) == masked_text


@pytest.mark.parametrize(
    ("known", "text", "masked_text"),
    [
        ("X1234567", '{"passport":"X1234567"}', '{"passport":"••••4567"}'),
        ("X1234567", "identifier=paspor%7Cx1234567&x=1", "identifier=paspor%7C••••4567&x=1"),
        ("X1234567", "baris\\nX1234567", "baris\\n••••4567"),
        ("X1234567", "AX1234567 X12345678", "AX1234567 X12345678"),
        ("12345", "12345 3123451010100001", "•••45 ••••••••••••0001"),
        ("AB12CDE", "paspor AB12CDE", "paspor •••••••"),
    ],
)
def test_a_known_identifier_is_hidden_as_a_word_of_its_own(known: str, text: str, masked_text: str) -> None:
    assert masked(text, (known,)) == masked_text


@pytest.mark.parametrize(
    "text",
    [
        "P02478375538",
        "4449ebed-8d3c-45be-8fb8-123404598280",
        "2026-03-10T08:00:00+07:00",
        "08.12.2026 10.30",
        "RM-000211",
        "100099001",
    ],
)
def test_what_is_no_identifier_of_a_person_stays(text: str) -> None:
    assert masked(text) == text


def test_two_that_would_look_alike_are_told_apart() -> None:
    text = orjson.dumps({"a": NIK, "b": OTHER, "c": NIK}).decode()
    masks = Masks([text])
    hidden = masks.hide(text)
    assert hidden == '{"a":"••••••••••••0001","b":"²•••••••••••0001","c":"••••••••••••0001"}'
    assert masks.restore(hidden) == (text, [])


def test_a_hidden_number_that_was_tampered_with_is_told_with_its_place() -> None:
    _, unknown = Masks([NIK]).restore('{\n  "nik": "•••••0001"}')
    assert unknown == [UnknownMask(2, 11, "•••••0001")]


def test_bullets_that_the_text_had_of_its_own_are_left_alone() -> None:
    text = "keluhan: ••••2024 dan •• lagi"
    assert Masks([text]).restore(text) == (text, [])


@given(st.lists(st.from_regex(r"[A-Za-z:\" ]{0,3}\d{8,18}[,}\n ]", fullmatch=True), max_size=20))
def test_hiding_and_restoring_is_a_round_trip_of_equal_length(parts: list[str]) -> None:
    text = "".join(parts)
    masks = Masks([text])
    assert len(masks.hide(text)) == len(text)
    assert masks.restore(masks.hide(text)) == (text, [])


@given(
    st.lists(st.from_regex(r"[A-Z0-9]{5,12}", fullmatch=True), min_size=1, max_size=12, unique=True),
    st.lists(st.sampled_from(['"', "%7C", "\\n", " ", "/x"]), min_size=12, max_size=12),
)
def test_known_identifiers_are_restored_too(known: list[str], before: list[str]) -> None:
    text = "".join(f'{lead}{identifier}", ' for lead, identifier in zip(before, known, strict=False))
    masks = Masks([text], tuple(sorted(known, key=len, reverse=True)))
    assert len(masks.hide(text)) == len(text)
    assert masks.restore(masks.hide(text)) == (text, [])
