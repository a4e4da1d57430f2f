"""HTTP client of an upstream: the request of a call on the wire, and the verdict on its answer."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from adapters.base import Account, Call, Profile, Reply, Timeouts, Verdict
from adapters.http_upstream import HttpUpstream
from adapters.json_path import compile_path
from adapters.outcome_rules import Extract, OutcomeRule
from adapters.wire.contract import Response
from admin.text.words import sentence
from tests.adapters.fakes import ACCOUNT, GET, POST, PUT, Clock, FakeWire, answer

pytestmark = pytest.mark.anyio


async def reply_to(call: Call, given: Response | Exception, *rules: OutcomeRule, **profile: Any) -> Reply:
    upstream = HttpUpstream(Profile("x", outcomes=rules, **profile), FakeWire(lambda _: given), wall=Clock())
    return await upstream.send(call, ACCOUNT)


async def sent_for(call: Call, base_url: str = "https://upstream.example", **profile: Any) -> Any:
    wire = FakeWire(lambda _: answer(201, {"id": "1"}))
    reply = await HttpUpstream(Profile("x", **profile), wire).send(call, Account(1, base_url))
    return wire.requests[0] if wire.requests else reply


async def test_a_call_goes_below_the_base_path() -> None:
    call = Call("POST", "/Thing", (("q", "a b|c&d"), ("r", "é")), b"{}")
    request = await sent_for(call, base_path="/fhir-r4/v1", timeouts=Timeouts(1.0, 2.0))
    assert request.target == b"/fhir-r4/v1/Thing?q=a%20b%7Cc%26d&r=%C3%A9"
    assert request.headers == b"Accept: application/json\r\nContent-Type: application/json\r\n"
    assert (request.origin.host, request.connect, request.total) == ("upstream.example", 1.0, 2.0)


async def test_the_content_type_of_a_call_comes_before_the_profiles() -> None:
    request = await sent_for(Call("PATCH", "/x", (), b"[]", "application/json-patch+json"))
    assert request.headers.endswith(b"Content-Type: application/json-patch+json\r\n")


@pytest.mark.parametrize(
    ("base_url", "path", "target"),
    [
        ("https://upstream.example/", "/a", b"/a"),
        ("https://upstream.example/prefix/", "/a", b"/prefix/a"),
        ("https://upstream.example", "", b"/"),
        ("https://upstream.example", "a", b"/a"),
        ("https://upstream.example", "//evil.example/a", b"//evil.example/a"),
        ("https://upstream.example", "/a?b=c#d", b"/a%3Fb=c%23d"),
        ("https://upstream.example", "/50%/é/a b/%2F", b"/50%25/%C3%A9/a%20b/%2F"),
        ("https://upstream.example", "/a.b/v1.0", b"/a.b/v1.0"),
    ],
)
async def test_paths_are_quoted_and_stay_on_their_host(base_url: str, path: str, target: bytes) -> None:
    request = await sent_for(Call("GET", path), base_url)
    assert (request.target, request.origin.host) == (target, "upstream.example")


@pytest.mark.parametrize("path", ["/a/../b", "/..", "/%2e%2e/b", "/a/%2E/b", "/a\r\nX: y", "/a\x00"])
async def test_a_path_that_leads_elsewhere_is_refused_before_it_is_sent(path: str) -> None:
    reply = await sent_for(Call("GET", path))
    assert (reply.verdict, reply.sent) == (Verdict.REJECTED, False)


async def test_a_content_type_cannot_bring_a_header_along() -> None:
    reply = await sent_for(Call("POST", "/a", (), b"{}", "text/plain\r\nX: y"))
    assert (reply.verdict, reply.sent) == (Verdict.REJECTED, False)


UNSENT = [
    httpx.ConnectError("refused"),
    httpx.ConnectTimeout("late"),
    httpx.PoolTimeout("full"),
    httpx.ProxyError("no"),
]
SENT = [httpx.ReadTimeout("late"), httpx.WriteTimeout("late"), httpx.ReadError("cut"), httpx.RemoteProtocolError("odd")]


@pytest.mark.parametrize("error", UNSENT)
@pytest.mark.parametrize("call", [GET, POST, PUT])
async def test_what_never_left_is_tried_again(call: Call, error: Exception) -> None:
    reply = await reply_to(call, error)
    assert (reply.verdict, reply.sent, reply.status) == (Verdict.UNAVAILABLE, False, None)
    assert reply.message


@pytest.mark.parametrize("error", SENT)
@pytest.mark.parametrize(
    ("call", "verdict"), [(GET, Verdict.UNAVAILABLE), (PUT, Verdict.UNAVAILABLE), (POST, Verdict.UNSURE)]
)
async def test_what_may_have_arrived_is_unsure_unless_it_can_be_repeated(
    call: Call, verdict: Verdict, error: Exception
) -> None:
    reply = await reply_to(call, error)
    assert (reply.verdict, reply.sent) == (verdict, True)


ACCEPTED, REJECTED, UNAVAILABLE, UNSURE = Verdict.ACCEPTED, Verdict.REJECTED, Verdict.UNAVAILABLE, Verdict.UNSURE
BY_STATUS = [
    # status, body, for POST, for PUT and GET
    (200, {"id": "1"}, ACCEPTED, ACCEPTED),
    (201, [], ACCEPTED, ACCEPTED),
    (201, "", UNSURE, UNAVAILABLE),
    (200, "OK", UNSURE, UNAVAILABLE),
    (200, "1", UNSURE, UNAVAILABLE),
    (200, '{"id": ', UNSURE, UNAVAILABLE),
    (200, "[" * 10_000, UNSURE, UNAVAILABLE),
    (200, b"\xff\xfe", UNSURE, UNAVAILABLE),
    (204, "", UNSURE, ACCEPTED),
    (302, "", UNAVAILABLE, UNAVAILABLE),
    (400, {"x": 1}, REJECTED, REJECTED),
    (401, "", REJECTED, REJECTED),
    (403, "", REJECTED, REJECTED),
    (404, "", REJECTED, REJECTED),
    (408, "", UNAVAILABLE, UNAVAILABLE),
    (409, "", REJECTED, REJECTED),
    (422, "", REJECTED, REJECTED),
    (425, "", UNAVAILABLE, UNAVAILABLE),
    (429, "", UNAVAILABLE, UNAVAILABLE),
    (500, {"x": 1}, UNSURE, UNAVAILABLE),
    (502, "<html>", UNSURE, UNAVAILABLE),
    (503, "no healthy upstream", UNAVAILABLE, UNAVAILABLE),
    (504, "", UNSURE, UNAVAILABLE),
    (599, "", UNSURE, UNAVAILABLE),
    (999, "", UNSURE, UNAVAILABLE),
]


@pytest.mark.parametrize(
    ("call", "limit"),
    [
        (Call("POST", "/a", (), b"{}"), 1024**2 + 8),
        (Call("PUT", "/a", (), b" " * 5 * 1024**2), 6 * 1024**2),
        (Call("GET", "/a"), 6 * 1024**2),
    ],
)
async def test_little_that_is_sent_lets_little_be_answered(call: Call, limit: int) -> None:
    assert (await sent_for(call)).body_limit == limit


@pytest.mark.parametrize(("status", "body", "post", "repeatable"), BY_STATUS)
async def test_without_a_rule_the_status_speaks(status: int, body: Any, post: Verdict, repeatable: Verdict) -> None:
    verdicts = [(await reply_to(call, answer(status, body))).verdict for call in (POST, PUT, GET)]
    assert verdicts == [post, repeatable, repeatable]


@pytest.mark.parametrize("status", [200, 201, 400, 500])
async def test_a_body_that_was_cut_says_nothing(status: int) -> None:
    rule = OutcomeRule("accepted")
    cut = answer(status, b'{"id": "1"}', cut=True)
    assert [(await reply_to(call, cut, rule)).verdict for call in (POST, GET)] == [UNSURE, UNAVAILABLE]
    assert "dipotong" in sentence((await reply_to(POST, cut)).message)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "120"}, 120.0),
        ({"Retry-After": " 7 "}, 7.0),
        ({"Retry-After": "1.5"}, 1.5),
        ({"Retry-After": "-5"}, 0.0),
        ({"Retry-After": "1000000000"}, 3600.0),
        ({"Retry-After": "9" * 400}, 3600.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "Tue, 10 Mar 2026 01:02:00 GMT"}, 120.0),  # the clock of the test says 01:00:00
        ({"Retry-After": "Tue, 10 Mar 2026 00:00:00 GMT"}, 0.0),
        ({"Retry-After": "Tue, 10 Mar 2099 00:00:00 GMT"}, 3600.0),
        ({"Retry-After": "Tue, 99 Foo 2026 00:00:00 GMT"}, None),
        ({"Retry-After": "Tue, 10 Mar 2026 02:00:30 GMT", "Date": "Tue, 10 Mar 2026 02:00:00 GMT"}, 30.0),
    ],
)
async def test_the_wait_an_upstream_asks_for_is_read_and_capped(headers: dict[str, str], seconds: float | None) -> None:
    reply = await reply_to(POST, answer(429, "slow down", headers))
    assert (reply.verdict, reply.retry_after) == (UNAVAILABLE, seconds)


async def test_the_entrys_own_rules_come_first() -> None:
    call = Call("POST", "/x", body=b"{}", outcomes=(OutcomeRule("duplicate", (range(400, 500),)),))
    reply = await reply_to(call, answer(400, {}), OutcomeRule("unauthorized", (range(400, 401),)))
    assert reply.verdict is Verdict.DUPLICATE


async def test_an_unsure_rule_is_only_for_what_cannot_be_repeated() -> None:
    rule = OutcomeRule("unsure", (range(200, 300),))
    assert [(await reply_to(call, answer(200, {}), rule)).verdict for call in (POST, PUT, GET)] == [
        UNSURE,
        UNAVAILABLE,
        UNAVAILABLE,
    ]


async def test_code_and_message_are_read_where_the_profile_says() -> None:
    texts = compile_path("issue[].text")
    body = {"issue": [{"text": "Reference is\nmandatory \x00(RuleNumber: 10124)"}, {"text": "b"}]}
    reply = await reply_to(
        POST, answer(400, body), code=Extract(texts, re.compile(r"Number: *(\d+)")), message=Extract(texts)
    )
    assert (reply.code, reply.message) == ("10124", "Reference is mandatory  (RuleNumber: 10124); b")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("<!doctype html><style>p {}</style><title>403</title>403 <b>Forbidden</b>&amp;", "403 403 Forbidden &"),
        ("no healthy\r\n upstream\x00", "no healthy upstream"),
        ("", "HTTP 504 Gateway Timeout, jawaban tanpa isi"),
        ("x" * 1000, "x" * 299 + "…"),
        ("<" * 4096, "<" * 299 + "…"),
        ("<script>" * 4096, ""),
    ],
)
async def test_without_a_message_there_is_an_excerpt(body: str, message: str) -> None:
    reply = await reply_to(POST, answer(504, body))
    assert sentence(reply.message) == message or not message
    assert len(reply.message) <= 300


async def test_a_rule_that_cannot_be_applied_does_not_hold() -> None:
    odd = OutcomeRule("duplicate", when=compile_path("contains(error, 'x')"))
    assert (await reply_to(POST, answer(400, {"error": 5}), odd)).verdict is REJECTED


async def test_a_rule_that_renews_counts_as_it_stands_where_nothing_can_be_renewed() -> None:
    rule = OutcomeRule("unauthorized", (range(401, 402),), renew=True)
    wire = FakeWire(lambda _: answer(401, {}))
    reply = await HttpUpstream(Profile("x", outcomes=(rule,)), wire).send(POST, ACCOUNT)
    assert (reply.verdict, len(wire.requests)) == (Verdict.UNAUTHORIZED, 1)


async def test_an_address_without_a_scheme_is_told_not_raised() -> None:
    reply = await HttpUpstream(Profile("x"), FakeWire(lambda _: answer())).send(POST, Account(1, "localhost"))
    assert (reply.verdict, reply.sent) == (UNAVAILABLE, False)


async def test_a_probe_tells_the_time_over_there() -> None:
    wire = FakeWire(lambda _: answer(200, {}, {"Date": "Tue, 10 Mar 2026 01:10:00 GMT"}))
    upstream = HttpUpstream(Profile("x", settings={"probe_path": "/y/{organization_id}"}), wire, wall=Clock())
    probe = await upstream.probe(ACCOUNT)
    assert (probe.ok, probe.clock_skew, wire.requests[0].target) == (True, 600.0, b"/y/100099001")


async def test_a_probe_that_fails_says_why() -> None:
    upstream = HttpUpstream(Profile("x"), FakeWire(lambda _: httpx.ConnectError("refused")))
    probe = await upstream.probe(ACCOUNT)
    assert (probe.ok, probe.clock_skew) == (False, None)
    assert sentence(probe.message) == "Tidak dapat tersambung: refused"
