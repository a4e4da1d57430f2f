"""Recorded answers of BPJS, judged by the shipped rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.base import Call
from adapters.verdicts import Judge
from engine.catalog.catalog import load
from engine.delivery.causes import cause_text
from tests.adapters.fakes import answer

REPLIES = json.loads((Path(__file__).parent / "bpjs_replies.json").read_text())
UPSTREAMS = load(Path(__file__).parents[2] / "config").upstreams


@pytest.mark.parametrize("given", REPLIES, ids=lambda given: given["name"])
def test_a_recorded_answer_gets_its_verdict(given: dict[str, Any]) -> None:
    judge = Judge(UPSTREAMS[given["service"]].profile)
    response = answer(given["status"], given["body"], {"Content-Type": given["media"]})
    reply, rule = judge.judge(Call(given["method"], "/x"), response, 0.0, 0.0)
    assert (reply.verdict, given["message_contains"] in reply.message) == (given["verdict"], True), reply.message
    assert (rule is not None and rule.renew) == ("Service Expired" in str(given["body"]))


def test_201_is_created_for_one_service_and_refused_for_the_other() -> None:
    bodies = {"pcare": {"metaData": {"code": 201}}, "antrean": {"metadata": {"code": 201}}}
    judged = {
        name: Judge(UPSTREAMS[name].profile).judge(Call("POST", "/x"), answer(201, body), 0.0, 0.0)[0].verdict
        for name, body in bodies.items()
    }
    assert judged == {"pcare": "accepted", "antrean": "rejected"}


@pytest.mark.parametrize(
    "given",
    [given for given in REPLIES if given["verdict"] != "accepted" and given["method"] != "GET"],
    ids=lambda given: given["name"],
)
def test_what_was_not_accepted_is_explained_to_a_person(given: dict[str, Any]) -> None:
    upstream = UPSTREAMS[given["service"]]
    response = answer(given["status"], given["body"], {"Content-Type": given["media"]})
    reply, _ = Judge(upstream.profile).judge(Call(given["method"], "/x"), response, 0.0, 0.0)
    cause = cause_text(reply.verdict, reply.code or reply.status, None, reply.message)
    assert upstream.remedies.explain(cause) is not None, cause
