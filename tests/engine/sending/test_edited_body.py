"""Edited body of a creation adapted to an update: the edits stay, missing fields are added."""

from __future__ import annotations

from typing import Any

import pytest

from engine.sending.edited_body import as_change

CREATION = {"kind": "Visit", "id": None, "status": "open", "at": {"day": "1", "poli": "2"}, "history": ["a"]}
CHANGE = {"kind": "Visit", "id": "X-1", "status": "closed", "at": {"day": "1"}, "history": ["a", "b"], "end": "9"}


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        (CREATION, CHANGE),
        ({**CREATION, "status": "mine"}, {**CHANGE, "status": "mine"}),
        ({**CREATION, "history": ["mine"]}, {**CHANGE, "history": ["mine", "b"]}),
        ({**CREATION, "history": []}, {**CHANGE, "history": []}),
        ({**CREATION, "at": {"day": "mine", "poli": "2"}}, {**CHANGE, "at": {"day": "mine"}}),
        ({**CREATION, "note": "mine"}, {**CHANGE, "note": "mine"}),
        ({"status": "mine"}, {"id": "X-1", "status": "mine", "end": "9"}),
    ],
)
def test_what_the_person_left_alone_becomes_the_changes_and_their_words_stay(written: Any, sent: Any) -> None:
    assert as_change(written, CREATION, CHANGE, "X-1") == sent


@pytest.mark.parametrize("written", [{"id": "X-1", "status": "open"}, {"id": "mine"}, ["a"], "a", None])
def test_what_names_its_id_already_or_is_no_object_goes_out_as_it_was_written(written: Any) -> None:
    assert as_change(written, CREATION, CHANGE, "X-1") is written


def test_without_a_payload_of_the_creation_only_the_id_is_added() -> None:
    assert as_change({"status": "open"}, None, CHANGE, "X-1") == {"status": "open", "id": "X-1"}


def test_without_a_payload_of_the_change_nothing_is_added() -> None:
    written = {"status": "open"}
    assert as_change(written, CREATION, None, "X-1") is written
