"""Faults over a real socket: the client's view, and the stored result."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from bench.processes import until
from sandbox.faults import UnknownFault, presets, scenario
from sandbox.world import World
from tests.sandbox.conftest import ask_token, authorise
from tests.sandbox.samples import sample

ENCOUNTERS = "/fhir-r4/v1/Encounter"
SITI = "/fhir-r4/v1/Patient/P01234567890"


def post(api: httpx.Client) -> httpx.Response:
    return api.post(ENCOUNTERS, json=sample("encounter_arrived"))


def stored(world: World) -> int:
    return world.witness.creations["Encounter"]


def connect(api: httpx.Client) -> socket.socket:
    return socket.create_connection((api.base_url.host, api.base_url.port or 80), timeout=10)


def drain(connection: socket.socket, received: bytearray) -> None:
    while piece := connection.recv(4096):
        received += piece


def head(api: httpx.Client, length: int) -> bytes:
    """Return the head of a POST that announces `length` bytes."""
    authorization = api.headers["authorization"]
    lines = [f"POST {ENCOUNTERS} HTTP/1.1", "Host: sandbox", f"Authorization: {authorization}"]
    return "\r\n".join([*lines, f"Content-Length: {length}", "", ""]).encode()


@pytest.mark.parametrize(
    ("preset", "status", "media"),
    [
        ("html-502", 502, "text/html; charset=UTF-8"),
        ("html-403", 403, "text/html; charset=UTF-8"),
        ("plain-503", 503, "text/plain"),
        ("plain-504", 504, "text/plain"),
        ("gateway-500", 500, "application/json"),
        ("internal-error", 500, "application/json"),
        ("error-in-200", 200, "application/json"),
        ("forbidden", 400, "application/json"),
        ("quota", 429, "application/json"),
        ("redirect", 302, "application/json"),
    ],
)
def test_a_fixed_answer_stores_nothing(world: World, api: httpx.Client, preset: str, status: int, media: str) -> None:
    world.faults.add(preset, times=1)
    answer = post(api)
    assert (answer.status_code, stored(world)) == (status, 0)
    assert answer.headers.get("content-type", media) == media
    assert post(api).status_code == 201


@pytest.mark.parametrize(
    ("preset", "header"),
    [
        ("quota", None),
        ("quota-seconds", "30"),
        ("quota-date", "Wed, 21 Oct 2099 07:28:00 GMT"),
        ("quota-huge", "1000000000"),
        ("quota-negative", "-1"),
    ],
)
def test_a_quota_names_when_to_come_back(world: World, api: httpx.Client, preset: str, header: str | None) -> None:
    world.faults.add(preset)
    assert post(api).headers.get("retry-after") == header


def test_the_plain_text_is_the_proxys(world: World, api: httpx.Client) -> None:
    world.faults.add("plain-503")
    assert post(api).text == "no healthy upstream"


@pytest.mark.parametrize(
    ("preset", "recognises"),
    [
        ("suppressed-201", lambda answer: answer.json()["issue"][0]["code"] == "suppressed"),
        ("empty-201", lambda answer: answer.content == b""),
        ("malformed-json", lambda answer: len(answer.content) == 40),
        ("wrong-id-type", lambda answer: answer.json()["id"] == 12345),
    ],
)
def test_a_strange_success_is_stored(
    world: World, api: httpx.Client, preset: str, recognises: Callable[[httpx.Response], bool]
) -> None:
    world.faults.add(preset)
    answer = post(api)
    assert (answer.status_code, stored(world)) == (201, 1)
    assert recognises(answer)


def test_a_strange_success_does_not_hide_a_refusal(world: World, api: httpx.Client) -> None:
    world.faults.add("suppressed-201")
    assert api.post(ENCOUNTERS, json={"resourceType": "Encounter"}).status_code == 400


def test_a_504_may_come_after_the_write(world: World, api: httpx.Client) -> None:
    world.faults.add("plain-504-after-commit")
    assert (post(api).status_code, stored(world)) == (504, 1)


@pytest.mark.parametrize(
    ("preset", "error", "count"),
    [
        ("timeout-before-commit", httpx.RemoteProtocolError, 0),
        ("timeout-after-commit", httpx.RemoteProtocolError, 1),
        ("reset-before-commit", httpx.ReadError, 0),
        ("reset-after-commit", httpx.ReadError, 1),
        ("reset-mid-request", httpx.ReadError, 0),
        ("reset-mid-response", httpx.ReadError, 1),
        ("close-after-commit", httpx.RemoteProtocolError, 1),
        ("close-mid-response", httpx.RemoteProtocolError, 1),
    ],
)
def test_a_lost_answer(world: World, api: httpx.Client, preset: str, error: type[Exception], count: int) -> None:
    world.faults.add(preset, times=1, hold=0.01)
    with pytest.raises(error):
        post(api)
    assert stored(world) == count


def test_a_held_request_ends_with_the_client(world: World, api: httpx.Client) -> None:
    world.faults.add("timeout-after-commit", times=1)
    with pytest.raises(httpx.ReadTimeout):
        api.post(ENCOUNTERS, json=sample("encounter_arrived"), timeout=0.05)
    assert stored(world) == 1


def test_a_reset_is_a_real_one_and_the_bytes_before_it_arrive(world: World, api: httpx.Client) -> None:
    world.faults.add("reset-mid-response", reset_at=7)
    body = b"{}"
    with connect(api) as connection:
        connection.sendall(head(api, len(body)) + body)
        received = bytearray()
        with pytest.raises(ConnectionResetError):
            drain(connection, received)
    assert len(received.partition(b"\r\n\r\n")[2]) == 7


def test_a_request_is_cut_before_its_body_is_complete(world: World, api: httpx.Client) -> None:
    world.faults.add("reset-mid-request", request_bytes=10)
    with connect(api) as connection:
        connection.sendall(head(api, 1000) + b" " * 10)
        with pytest.raises(ConnectionResetError):
            connection.recv(1)
    until(lambda: world.witness.log[-1]["status"] == "reset in the request")  # it is noted when the cut is over


def test_latency_delays_the_answer(world: World, api: httpx.Client) -> None:
    world.faults.add("slow", latency=0.05)
    started = time.monotonic()
    assert post(api).status_code == 201
    assert time.monotonic() - started >= 0.05


def test_a_slow_body_trickles(world: World, api: httpx.Client) -> None:
    world.faults.add("slow-body", rate=10_000)
    started = time.monotonic()
    size = len(post(api).content)
    assert time.monotonic() - started >= 0.9 * size / 10_000


def test_a_huge_body_is_sent_in_full(world: World, api: httpx.Client) -> None:
    world.faults.add("huge-body", pad=1_000_000)
    answer = post(api)
    assert len(answer.content) > 1_000_000
    assert answer.json()["resourceType"] == "Encounter"


def test_a_gzip_bomb_is_small_on_the_wire(world: World, api: httpx.Client) -> None:
    world.faults.add("gzip-bomb", pad=1_000_000)
    with api.stream("GET", SITI) as answer:
        assert len(b"".join(answer.iter_raw())) < 5_000
    assert len(api.get(SITI).content) > 1_000_000


def test_an_endless_body_goes_on_until_the_client_leaves(world: World, api: httpx.Client) -> None:
    world.faults.add("endless-body", path="/Patient")
    received = 0
    with api.stream("GET", SITI) as answer:
        for piece in answer.iter_raw():
            received += len(piece)
            if received > 3_000_000:
                break
    while api.get("/__stats").json()["in_flight"]:
        pass
    assert world.witness.log[-1]["status"] == "client gone"


def test_a_fault_strikes_only_what_it_names(world: World, api: httpx.Client) -> None:
    world.faults.add("plain-503", method="POST", path="/Encounter$", body="RJ-20260310-0001")
    assert api.get(SITI).status_code == 200
    assert api.post("/fhir-r4/v1/Condition", json=sample("condition_diagnosis")).status_code == 201
    assert post(api).status_code == 503


def test_a_fault_can_wait_and_end(world: World, api: httpx.Client) -> None:
    world.faults.add("plain-503", after=1, times=2)
    assert [api.get(SITI).status_code for _ in range(4)] == [200, 503, 503, 200]


def test_an_outage_strikes_everything_until_it_ends(world: World, api: httpx.Client) -> None:
    world.faults.set_outage("html-502")
    assert {api.get(SITI).status_code, post(api).status_code, ask_token(api).status_code} == {502}
    world.faults.end_outage()
    assert api.get(SITI).status_code == 200


def test_tokens_can_expire_in_the_midst(world: World, api: httpx.Client) -> None:
    world.faults.add("expire-tokens", after=1, times=1)
    assert [api.get(SITI).status_code for _ in range(3)] == [200, 401, 401]
    authorise(api)
    assert api.get(SITI).status_code == 200


@pytest.mark.parametrize(("preset", "status"), [("token-refused", 401), ("token-500", 500)])
def test_the_token_endpoint_can_fail_alone(world: World, api: httpx.Client, preset: str, status: int) -> None:
    world.faults.add(preset)
    assert ask_token(api).status_code == status
    assert api.get(SITI).status_code == 200


def test_the_token_endpoint_can_be_slow(world: World, api: httpx.Client) -> None:
    world.faults.add("token-slow", latency=0.05)
    started = time.monotonic()
    assert ask_token(api).status_code == 200
    assert time.monotonic() - started >= 0.05


def test_the_clock_can_be_skewed_in_the_date_header_only(world: World, api: httpx.Client) -> None:
    world.clock.skew = 600
    assert api.get(SITI).headers["date"] == "Wed, 11 Mar 2026 01:10:00 GMT"


@pytest.mark.parametrize("name", sorted(presets()))
def test_a_preset_is_a_scenario_with_a_title(name: str) -> None:
    assert presets()[name]["title"]
    assert scenario(name).name == name


@pytest.mark.parametrize("wrong", [{"preset": "nonsense"}, {"statuss": 500}, {"path": "("}, {"seen": 1}])
def test_a_wrong_scenario_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(UnknownFault):
        scenario(**wrong)
