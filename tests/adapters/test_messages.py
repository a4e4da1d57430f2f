"""Stored messages: a key with values in one text, told from the plain words of upstreams and of older rows."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from adapters.messages import MAX_VALUE_CHARACTERS, Message, at, message, read_message, shortened, together


def test_a_message_is_read_as_it_was_stored() -> None:
    text = message("find.several", n=3)
    assert text == '{"say":"find.several","n":3}'
    assert read_message(text) == Message("find.several", {"n": 3})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Ditemukan 3 yang cocok; seseorang perlu memilih.",
        '{"say":"find',
        '{"say":1}',
        '{"say":"x","n":null}',
        '{"say":"x","n":{"say":"y"}}',
        '{"say":"x","n":[1]}',
        '{"error":"x"}',
    ],
)
def test_other_texts_are_no_messages(text: str) -> None:
    assert read_message(text) is None


def test_values_are_cut_before_they_are_encoded() -> None:
    stored = read_message(message("connection.failed", error="x" * 10_000))
    assert stored is not None
    assert len(stored.values["error"]) == MAX_VALUE_CHARACTERS


def test_a_message_within_a_message_stays_whole() -> None:
    inner = message("connection.failed", error="x" * (MAX_VALUE_CHARACTERS - 1))
    stored = read_message(message("token.unavailable", words=inner))
    assert stored == Message("token.unavailable", {"words": inner})


def test_what_no_database_stores_is_left_out() -> None:
    assert read_message(message("connection.cut", error="a\x00b\ud800")) == Message("connection.cut", {"error": "ab?"})


def test_a_message_is_never_cut() -> None:
    text = message("find.several", n=3)
    assert (shortened(text, 5), shortened("Tidak", 3)) == (text, "Tid")


class Label(NamedTuple):
    id: str
    en: str


def test_a_text_in_both_languages_keeps_both() -> None:
    stored = read_message(message("account.incomplete", upstream=Label("Kementerian", "Ministry"), names=["a", "b"]))
    assert stored is not None
    assert stored.values == {"upstream": {"id": "Kementerian", "en": "Ministry"}, "names": ["a", "b"]}


def test_one_text_needs_no_list() -> None:
    one = at("$.status", "x")
    assert together([one]) == one
    assert read_message(together([one, one])) == Message("all", {"texts": [one, one]})
