"""antar pause and resume: an upstream or a type, for all clinics or one, now or later."""

from __future__ import annotations

import pytest

from tests.admin.commands.test_cli import Capture, antar, environment  # noqa: F401 - it sets up an installation
from tests.admin.commands.test_cli_clinics import ADD


def test_a_type_is_paused_listed_and_resumed(capsys: Capture) -> None:
    antar(capsys, *ADD)
    begun = antar(capsys, "pause", "ministry", "Visit", "--reason", "migrasi", "--until", "2099-01-01T10:00")
    assert begun[:2] == (0, "paused; end it with: antar resume 1\n")
    number, upstream, spec, where, span, why = antar(capsys, "pause")[1].rstrip("\n").split("\t")
    assert (number, upstream, spec, where) == ("1", "ministry", "Visit", "all clinics")
    assert (span.endswith("until 2099-01-01 10:00"), why.endswith(": migrasi")) == (True, True)
    assert antar(capsys, "resume", "1")[:2] == (0, "resumed\n")
    assert antar(capsys, "resume", "1")[0] == 1
    assert antar(capsys, "pause")[1] == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere", "--reason", "x"), "no upstream 'nowhere'"),
        (("ministry", "Nothing", "--reason", "x"), "no type 'Nothing' of ministry"),
        (("ministry",), "a pause needs a reason"),
        (("ministry", "--reason", "x", "--until", "besok"), "'besok' is no time"),
        (("ministry", "--reason", "x", "--weekly"), "a weekly pause needs an end"),
        (("ministry", "--reason", "x", "--until", "2020-01-01T10:00"), "the end of the pause has passed"),
    ],
)
def test_what_is_wrong_is_said(capsys: Capture, arguments: tuple[str, ...], words: str) -> None:
    antar(capsys, *ADD)
    code, _, errors = antar(capsys, "pause", *arguments)
    assert (code, words in errors) == (1, True), errors
