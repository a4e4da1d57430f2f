"""Headers of answers that are kept: by an allow-list, cut, on one line each."""

from __future__ import annotations

import pytest

from adapters.base import Call, Profile
from adapters.kept_headers import MAX_VALUE_CHARACTERS, kept_headers
from adapters.verdicts import Judge
from adapters.wire.contract import Response

SECRETS = {
    b"set-cookie": b"session=geheim",
    b"authorization": b"Bearer geheim",
    b"x-signature": b"geheim",
    b"x-cons-id": b"geheim",
    b"user_key": b"geheim",
    b"x-powered-by": b"geheim",
    b"www-authenticate": b"geheim",
}


def test_what_finds_the_request_again_is_kept_and_nothing_else() -> None:
    headers = {b"date": b"Sun, 29 Nov 2026 08:00:00 GMT", b"x-request-id": b"abc-1", b"location": b"/1", **SECRETS}
    assert kept_headers(headers, "application/fhir+json") == "date: Sun, 29 Nov 2026 08:00:00 GMT\nx-request-id: abc-1"


@pytest.mark.parametrize(
    ("headers", "media", "kept"),
    [
        ({b"location": b"https://x.id/Patient/1?token=geheim"}, "", "location: https://x.id/Patient/1"),
        ({b"server": b"a\nset-cookie: b\x00"}, "", "server: aset-cookie: b"),
        ({b"etag": b"x" * 999}, "", f"etag: {'x' * MAX_VALUE_CHARACTERS}"),
        ({b"server": b"caf\xe9"}, "", "server: café"),
        ({}, "text/html", "content-type: text/html"),
        ({}, "application/json", ""),
    ],
)
def test_values_are_short_harmless_and_on_one_line(headers: dict[bytes, bytes], media: str, kept: str) -> None:
    assert kept_headers(headers, media) == kept


def test_a_judged_answer_carries_them() -> None:
    response = Response(200, {b"content-type": b"text/html", b"cf-ray": b"8"}, b"<p>")
    reply, _ = Judge(Profile("x")).judge(Call("GET", "/"), response, 0.0, 0.0)
    assert reply.headers == "cf-ray: 8\ncontent-type: text/html"
