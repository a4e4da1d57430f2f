"""Recorded answers of the platform, judged by rules of the tests and by the shipped ones."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from adapters.base import Call, Profile
from adapters.json_path import compile_path
from adapters.outcome_rules import Extract, OutcomeRule
from adapters.verdicts import Judge
from adapters.wire.contract import Response
from admin.text.words import sentence
from engine.catalog.catalog import load

REPLIES = [json.loads(file.read_text()) for file in sorted((Path(__file__).parent / "replies").glob("*.json"))]
SUCCESS, REFUSED, CREATE = (range(200, 300),), (range(400, 500),), frozenset({"POST"})


def rule(verdict: str, statuses: tuple[range, ...], when: str | None = None, **more: Any) -> OutcomeRule:
    return OutcomeRule(verdict, statuses, when=compile_path(when) if when else None, **more)


def one(status: int) -> tuple[range, ...]:
    return (range(status, status + 1),)


RULES = (
    rule("unauthorized", one(401), "contains(fault.detail.errorcode || '', 'NoApiProductMatchFound')"),
    rule("unauthorized", one(401), "ErrorCode=='invalid_client'"),
    rule("unauthorized", one(401), renew=True),
    rule("unavailable", one(403), media="html"),
    rule("duplicate", REFUSED, "issue[?code=='duplicate']", methods=CREATE),
    rule("duplicate", REFUSED, "issue[?starts_with(details.text || '', 'Found duplicate')]", methods=CREATE),
    rule("duplicate", REFUSED, text=re.compile(r"Rule ?Number:? *20002\b"), methods=CREATE),
    rule(
        "duplicate",
        REFUSED,
        "issue[?starts_with(details.text || '', 'found duplicated EpisodeOfCare')]",
        methods=CREATE,
    ),
    rule("duplicate", one(409), methods=CREATE),
    rule("unauthorized", REFUSED, "issue[?starts_with(details.text || '', 'Wrong organization ID')]"),
    rule("unauthorized", REFUSED, codes=frozenset({"20009", "20010"})),
    rule("unsure", SUCCESS, "issue[?code=='suppressed']", methods=CREATE),
    rule("accepted", SUCCESS, "issue[?code=='suppressed']", methods=frozenset({"PUT", "PATCH"})),
    rule("rejected", SUCCESS, "issue[?code=='suppressed']", methods=frozenset({"GET"})),
    rule("rejected", SUCCESS, "success==`false`"),
    rule("rejected", SUCCESS, "issue[?severity=='error' || severity=='fatal']"),
)
MESSAGE = "issue[].join(': ', [details.text, diagnostics][?@]) || message || fault.faultstring || Error"
PROFILE = Profile(
    "satusehat",
    outcomes=RULES,
    code=Extract(compile_path("issue[].details.text"), re.compile(r"Rule ?Number:? *(\d+)")),
    message=Extract(compile_path(MESSAGE)),
)
SHIPPED = load(Path(__file__).parents[2] / "config").upstreams["satusehat"].profile
BOTH = pytest.mark.parametrize("profile", [PROFILE, SHIPPED], ids=["made here", "shipped"])


@BOTH
@pytest.mark.parametrize("given", REPLIES, ids=lambda given: given["name"])
def test_a_recorded_answer_gets_its_verdict(given: dict[str, Any], profile: Profile) -> None:
    headers = {name.lower().encode(): value.encode() for name, value in given["headers"].items()}
    response = Response(given["status"], headers, given["body"].encode())
    reply, _ = Judge(profile).judge(Call(given["method"], "/x"), response, now=0.0, seconds=0.0)
    assert (reply.verdict, reply.code) == (given["verdict"], given["code"])
    assert given["message_contains"] in sentence(reply.message)


@BOTH
@pytest.mark.parametrize(
    "given", [given for given in REPLIES if given["status"] == 401], ids=lambda given: given["name"]
)
def test_only_a_token_that_a_new_one_can_replace_is_renewed(given: dict[str, Any], profile: Profile) -> None:
    response = Response(401, {}, given["body"].encode())
    _, decided = Judge(profile).judge(Call(given["method"], "/x"), response, now=0.0, seconds=0.0)
    hopeless = "invalid client" in given["name"] or "api product" in given["name"]
    assert decided is not None
    assert decided.renew is not hopeless
