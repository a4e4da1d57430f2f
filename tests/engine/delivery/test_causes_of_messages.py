"""Causes of stored messages: the same remedy as for the sentences that older rows hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.messages import at, message, together
from engine.catalog.catalog import load
from engine.delivery.causes import CAUSE_LENGTH, cause_text
from engine.specs.remedies import Remedies

SHIPPED = Path(__file__).resolve().parents[3] / "config"


@pytest.fixture(scope="module")
def remedies() -> Remedies:
    return load(SHIPPED).upstreams["satusehat"].remedies


def fault(path: str, key: str, **values: str) -> str:
    return at(path, message(key, **values))


@pytest.mark.parametrize(
    ("stored", "words"),
    [
        (message("find.several", n=3), "[find.several]"),
        (message("connection.failed", error="[Errno 111]"), "[connection.failed]"),
        (message("send.duplicate_unseen", words="Nomor 12 sudah ada"), "[send.duplicate_unseen] Nomor # sudah ada"),
        (
            message("token.unavailable", words=message("connection.timeout")),
            "[token.unavailable connection.timeout]",
        ),
        (fault("$.name[0].given", "preflight.empty"), "[preflight.empty] $.name.given"),
        (at("$.x", "is odd"), "$.x: is odd"),
        (
            together([fault("$.a", "preflight.empty"), fault("$.b", "preflight.missing", type="X")]),
            "[preflight.empty] $.a",
        ),
    ],
)
def test_a_message_gives_its_key_and_the_words_of_others(stored: str, words: str) -> None:
    assert cause_text("check", words=stored) == f"check::{words}"


def test_the_place_stands_before_the_words_of_a_message() -> None:
    stored = message("send.duplicate_unseen", words="sudah ada")
    assert cause_text("duplicate", 409, "period.start", stored) == (
        "duplicate:409:[send.duplicate_unseen] period.start sudah ada"
    )
    assert len(cause_text("duplicate", 409, None, message("send.duplicate_unseen", words="x " * 400))) <= CAUSE_LENGTH


EARLIER_WORDS = [
    ("lookup", "Tidak ditemukan di sistem tujuan; periksa nomor yang dicari.", message("find.nothing")),
    ("lookup", "Ditemukan 2 yang cocok; seseorang perlu memilih.", message("find.several", n=2)),
    ("check", "$.birthDate: must not be empty; leave it out", fault("$.birthDate", "preflight.empty")),
    ("check", "$.birthDate: is missing; X requires it", fault("$.birthDate", "preflight.missing", type="X")),
    ("check", "$.name: must not be empty; leave it out", fault("$.name", "preflight.empty")),
    ("check", "$.status: is missing; Encounter requires it", fault("$.status", "preflight.missing", type="Encounter")),
    ("check", "$.birthDate: must be a date such as 2026-03-10", fault("$.birthDate", "preflight.date")),
    ("check", "$.a.start: must be a full date-time such as 2026", fault("$.a.start", "preflight.date_time")),
    ("check", "$.a: must be a time such as 08:00:00", fault("$.a", "preflight.time")),
    ("check", "$.s: must be one of a, b, not 'c'", fault("$.s", "preflight.options", options="a, b", value="'c'")),
    ("check", "$.resourceType: is missing; name the type as FHIR spells it",
     fault("$.resourceType", "preflight.no_resource")),
    ("check", "$.active: must be a boolean, not a text", fault("$.active", "preflight.type", types="x")),
    ("unavailable", "Tidak dapat tersambung: refused", message("connection.failed", error="refused")),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "earlier", "stored"), EARLIER_WORDS)
def test_a_row_of_before_and_a_new_one_have_the_same_remedy(
    remedies: Remedies, kind: str, earlier: str, stored: str
) -> None:
    one, other = (remedies.explain(cause_text(kind, words=words)) for words in (earlier, stored))
    assert one is not None
    assert one == other


def test_the_key_of_a_message_is_no_place(remedies: Remedies) -> None:
    told = remedies.explain(cause_text("rejected", "400", None, message("answer.empty", status="400 Bad Request")))
    assert told is None or "answer.empty" not in told.title + told.remedy
