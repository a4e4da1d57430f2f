"""Recorded answers of SatuSehat, judged by the rules of config/upstreams/satusehat.yaml."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapters.base import Call
from adapters.verdicts import Judge
from adapters.wire.contract import Response
from admin.text.words import sentence
from tests.config.shipped import ROOT, catalog

REPLIES = [
    json.loads(file.read_text("utf-8")) for file in sorted((ROOT / "tests" / "adapters" / "replies").glob("*.json"))
]


def ministry() -> Judge:
    return Judge(catalog().upstreams["satusehat"].profile)


@pytest.mark.parametrize("given", REPLIES, ids=lambda given: given["name"])
def test_a_recorded_answer_gets_its_verdict(given: dict[str, Any]) -> None:
    headers = {name.lower().encode(): value.encode() for name, value in given["headers"].items()}
    response = Response(given["status"], headers, given["body"].encode())
    reply, _ = ministry().judge(Call(given["method"], "/x"), response, now=0.0, seconds=0.0)
    assert (reply.verdict, reply.code) == (given["verdict"], given["code"])
    assert given["message_contains"] in sentence(reply.message)


@pytest.mark.parametrize(
    ("method", "status", "media", "body", "verdict"),
    [
        ("POST", 503, "text/plain", "no healthy upstream", "unavailable"),
        ("POST", 503, "text/html", "<html>503</html>", "unsure"),
        ("PUT", 503, "text/html", "<html>503</html>", "unavailable"),
        ("POST", 429, "text/plain", "", "unavailable"),
        ("POST", 400, "application/json", '{"issue":[{"details":{"text":"x (RuleNumber: 20003)"}}]}', "rejected"),
    ],
)
def test_an_answer_nobody_recorded_is_judged_with_care(
    method: str, status: int, media: str, body: str, verdict: str
) -> None:
    response = Response(status, {b"content-type": media.encode()}, body.encode())
    reply, _ = ministry().judge(Call(method, "/x"), response, now=0.0, seconds=0.0)
    assert reply.verdict == verdict
