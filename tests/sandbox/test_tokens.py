"""Token endpoint, and the gateway's 401 answers."""

from __future__ import annotations

import httpx

from sandbox.satusehat.resources.clients import Client
from sandbox.world import World
from tests.sandbox.conftest import ask_token, authorise, texts

PATIENT = "/fhir-r4/v1/Patient/P01234567890"


def errorcode(answer: httpx.Response) -> str:
    return str(answer.json()["fault"]["detail"]["errorcode"])


def test_a_token_comes_in_the_shape_of_the_platform(outside: httpx.Client) -> None:
    token = ask_token(outside).json()
    assert token["expires_in"] == "3599"
    assert token["token_type"] == "BearerToken"
    assert token["issued_at"] == "1773190800000"
    assert len(token["access_token"]) == 28
    assert set(token) >= {"developer.email", "api_product_list_json", "refresh_count", "status", "scope"}


def test_expires_in_can_be_a_number(world: World, outside: httpx.Client) -> None:
    world.satusehat.settings.expires_in = "number"
    assert ask_token(outside).json()["expires_in"] == 3599


def test_a_wrong_secret_is_refused_and_the_next_attempt_has_to_pause(outside: httpx.Client) -> None:
    refused, paused = ask_token(outside, secret="wrong"), ask_token(outside)
    assert (refused.status_code, refused.json()["ErrorCode"]) == (401, "invalid_client")
    assert paused.status_code == 429
    assert "1 request per minute" in texts(paused)[0]


def test_the_pause_is_over_after_a_minute(world: World, outside: httpx.Client) -> None:
    ask_token(outside, secret="wrong")
    world.clock.advance(61)
    assert ask_token(outside).status_code == 200


def test_the_pause_of_one_client_does_not_hold_another(world: World, outside: httpx.Client) -> None:
    world.satusehat.register(Client("second", "second-secret", "100099002"))
    ask_token(outside, secret="wrong")
    assert ask_token(outside, "second", "second-secret").status_code == 200


def test_a_grant_type_is_asked_for(outside: httpx.Client) -> None:
    form = {"client_id": "demo-client", "client_secret": "demo-secret"}
    assert outside.post("/oauth2/v1/accesstoken", data=form).status_code == 400


def test_a_request_without_a_token_is_a_gateway_fault(outside: httpx.Client) -> None:
    answer = outside.get(PATIENT)
    assert (answer.status_code, errorcode(answer)) == (401, "oauth.v2.InvalidAccessToken")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def test_an_unknown_token_is_a_gateway_fault(outside: httpx.Client) -> None:
    answer = outside.get(PATIENT, headers={"authorization": "Bearer nonsense"})
    assert errorcode(answer) == "oauth.v2.InvalidAccessToken"


def test_a_token_expires_with_the_clock(world: World, api: httpx.Client) -> None:
    assert api.get(PATIENT).status_code == 200
    world.clock.advance(3599)
    assert errorcode(api.get(PATIENT)) == "keymanagement.service.access_token_expired"


def test_all_tokens_can_be_expired_at_once(world: World, api: httpx.Client) -> None:
    world.satusehat.tokens.expire_all()
    assert errorcode(api.get(PATIENT)) == "keymanagement.service.access_token_expired"
    authorise(api)
    assert api.get(PATIENT).status_code == 200


def test_a_token_of_the_other_environment_has_no_product(world: World, outside: httpx.Client) -> None:
    world.satusehat.register(Client("live", "live-secret", "100099003", environment="production"))
    authorise(outside, "live", "live-secret")
    answer = outside.get(PATIENT)
    assert answer.status_code == 401
    assert errorcode(answer).endswith("InvalidAPICallAsNoApiProductMatchFound")
