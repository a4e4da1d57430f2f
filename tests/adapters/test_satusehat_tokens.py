"""Tokens of SatuSehat: one for all requests, and few requests to the token endpoint."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from adapters.base import Account, Profile, StoredToken, Verdict
from adapters.json_path import compile_path
from adapters.outcome_rules import Extract, OutcomeRule
from adapters.satusehat.upstream import SatuSehat
from adapters.wire.contract import Request, Response
from admin.text.words import sentence
from tests.adapters.fakes import ACCOUNT, POST, Clock, FakeWire, answer
from tests.adapters.memory import MemoryTokens

pytestmark = pytest.mark.anyio

PROFILE = Profile(
    "satusehat",
    base_path="/fhir-r4/v1",
    outcomes=(OutcomeRule("unauthorized", (range(401, 402),), renew=True),),
    message=Extract(compile_path("Error || fault.faultstring")),
    settings={"token_path": "/oauth2/v1/accesstoken", "probe_path": "/Thing/{organization_id}"},
)
EXPIRED = answer(401, {"fault": {"faultstring": "Access Token expired"}})


class TokenPlatform:
    """A minimal SatuSehat that issues numbered tokens and accepts those that are not revoked."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = MemoryTokens(self.clock)
        self.wire = FakeWire(self.respond)
        self.given: list[str] = []
        self.revoked: set[str] = set()
        self.token_answer: Response | Exception | None = None
        self.expires_in: Any = "3599"
        self.calls = 0

    def upstream(self) -> SatuSehat:
        """Return the upstream as one process would build it."""
        return SatuSehat(PROFILE, self.store, self.wire, wall=self.clock, sleep=self.clock.sleep)

    @property
    def asked(self) -> int:
        return sum(request.target.startswith(b"/oauth2") for request in self.wire.requests)

    def respond(self, request: Request) -> Response | Exception:
        if not request.target.startswith(b"/oauth2"):
            self.calls += 1
            is_valid = any(b"Bearer %b\r\n" % token.encode() in request.headers for token in self.valid())
            return answer(201, {"id": "1"}) if is_valid else EXPIRED
        if self.token_answer is not None:
            return self.token_answer
        self.given.append(f"token-{len(self.given) + 1}")
        return answer(200, {"access_token": self.given[-1], "expires_in": self.expires_in, "status": "approved"})

    def valid(self) -> set[str]:
        return set(self.given) - self.revoked


@pytest.fixture
def world() -> TokenPlatform:
    return TokenPlatform()


async def test_a_token_is_asked_for_as_the_reference_says(world: TokenPlatform) -> None:
    assert (await world.upstream().send(POST, ACCOUNT)).verdict is Verdict.ACCEPTED
    request = world.wire.requests[0]
    assert (request.method, request.target) == ("POST", b"/oauth2/v1/accesstoken?grant_type=client_credentials")
    assert request.body == b"client_id=id-1&client_secret=s3cret"
    assert b"Content-Type: application/x-www-form-urlencoded\r\n" in request.headers
    assert b"Authorization: Bearer token-1\r\n" in world.wire.requests[1].headers
    assert world.wire.requests[1].target == b"/fhir-r4/v1/Thing"


async def test_many_calls_at_once_ask_for_one_token(world: TokenPlatform) -> None:
    upstream = world.upstream()
    replies = await asyncio.gather(*(upstream.send(POST, ACCOUNT) for _ in range(64)))
    assert {reply.verdict for reply in replies} == {Verdict.ACCEPTED}
    assert world.asked == 1


async def test_many_processes_at_once_ask_for_one_token(world: TokenPlatform) -> None:
    processes = [world.upstream() for _ in range(8)]
    replies = await asyncio.gather(*(process.send(POST, ACCOUNT) for process in processes * 8))
    assert {reply.verdict for reply in replies} == {Verdict.ACCEPTED}
    assert world.asked == 1


async def test_a_dead_process_holds_the_others_up_for_its_lease_only(world: TokenPlatform) -> None:
    assert await world.store.lease(ACCOUNT, "satusehat", 30.0)
    assert (await world.upstream().send(POST, ACCOUNT)).verdict is Verdict.ACCEPTED
    assert 29 <= sum(world.clock.slept) <= 31


@pytest.mark.parametrize("expires_in", ["3599", 3599, 3599.0])
@pytest.mark.parametrize(("seconds", "asked"), [(3530, 1), (3540, 2)])
async def test_a_token_is_renewed_a_minute_early(
    world: TokenPlatform, expires_in: Any, seconds: int, asked: int
) -> None:
    world.expires_in, upstream = expires_in, world.upstream()
    await upstream.send(POST, ACCOUNT)
    world.clock.now += seconds
    reply = await upstream.send(POST, ACCOUNT)
    assert (reply.verdict, world.asked, world.calls) == (Verdict.ACCEPTED, asked, 2)


@pytest.mark.parametrize(
    ("expires_in", "renewed_after"),
    [("100", 50), ("10", 5), (None, 240), ("", 240), ("soon", 240), ("-1", 240), ("inf", 240)],
)
async def test_a_token_of_odd_life_is_still_used(world: TokenPlatform, expires_in: Any, renewed_after: float) -> None:
    world.expires_in, upstream = expires_in, world.upstream()
    for seconds, asked in ((0, 1), (renewed_after - 1, 1), (2, 2)):
        world.clock.now += seconds
        assert (await upstream.send(POST, ACCOUNT)).verdict is Verdict.ACCEPTED
        assert world.asked == asked


async def test_64_refusals_of_one_token_make_one_renewal_and_one_repeat_each(world: TokenPlatform) -> None:
    processes = [world.upstream() for _ in range(2)]
    for process in processes:
        await process.send(POST, ACCOUNT)
    world.revoked, before = {"token-1"}, world.calls
    replies = await asyncio.gather(*(process.send(POST, ACCOUNT) for process in processes * 32))
    assert {reply.verdict for reply in replies} == {Verdict.ACCEPTED}
    assert (world.asked, world.calls - before) == (2, 128)


async def test_a_new_token_that_is_refused_as_well_is_not_followed_by_more(world: TokenPlatform) -> None:
    upstream = world.upstream()
    world.revoked = {f"token-{number}" for number in range(1, 100)}
    replies = [
        reply for _ in range(3) for reply in await asyncio.gather(*(upstream.send(POST, ACCOUNT) for _ in range(8)))
    ]
    assert {reply.verdict for reply in replies} == {Verdict.UNAUTHORIZED}
    assert world.asked == 2
    world.clock.now += 61
    world.revoked = set()
    assert (await upstream.send(POST, ACCOUNT)).verdict is Verdict.ACCEPTED


async def test_the_same_token_given_again_does_not_go_round_for_ever(world: TokenPlatform) -> None:
    world.token_answer = answer(200, {"access_token": "worn", "expires_in": "3599"})
    reply = await world.upstream().send(POST, ACCOUNT)
    assert (reply.verdict, reply.status, world.asked) == (Verdict.UNAUTHORIZED, 401, 2)


REFUSALS = [
    answer(401, {"ErrorCode": "invalid_client", "Error": "ClientId is Invalid"}),
    answer(400, {"issue": [{"severity": "invalid", "code": "value"}]}),
    answer(403, {"Error": "no"}),
]


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_refused_secret_is_asked_about_once_a_minute(world: TokenPlatform, refusal: Response) -> None:
    world.token_answer, processes = refusal, [world.upstream() for _ in range(3)]
    for asked in (1, 2):
        replies = await asyncio.gather(*(process.send(POST, ACCOUNT) for process in processes * 5))
        assert {(reply.verdict, reply.sent, reply.status) for reply in replies} == {(Verdict.UNAUTHORIZED, False, None)}
        assert (world.asked, world.calls) == (asked, 0)
        world.clock.now += 59
        await processes[0].send(POST, ACCOUNT)
        assert world.asked == asked
        world.clock.now += 2


async def test_a_refusal_that_another_process_got_just_now_is_asked_about_no_more(world: TokenPlatform) -> None:
    class Overtaken(MemoryTokens):
        async def lease(self, account: Account, upstream: str, seconds: float) -> bool:
            refused = StoredToken(refused_at=world.clock(), refusal="invalid_client")
            await self.save(account, upstream, refused)  # by the other, after our look
            return await super().lease(account, upstream, seconds)

    world.store = Overtaken(world.clock)
    assert (await world.upstream().send(POST, ACCOUNT)).verdict is Verdict.UNAUTHORIZED
    assert world.asked == 0
    assert await MemoryTokens.lease(world.store, ACCOUNT, "satusehat", 1.0)


async def test_a_refusal_names_its_reason_and_no_secret(world: TokenPlatform) -> None:
    world.token_answer = REFUSALS[0]
    reply = await world.upstream().send(POST, ACCOUNT)
    assert sentence(reply.message) == "Client ID atau client secret ditolak: ClientId is Invalid"
    assert "s3cret" not in repr(reply) + repr(ACCOUNT) + repr(await world.store.load(ACCOUNT, "satusehat"))


async def test_a_clock_that_is_set_back_does_not_prolong_a_refusal(world: TokenPlatform) -> None:
    world.token_answer, upstream = REFUSALS[0], world.upstream()
    await upstream.send(POST, ACCOUNT)
    world.clock.now -= 600
    world.token_answer = None
    assert (await upstream.send(POST, ACCOUNT)).verdict is Verdict.ACCEPTED


OUTAGES = [
    answer(500, {}),
    answer(503, "no healthy upstream"),
    answer(504, ""),
    answer(429, ""),
    answer(200, "<html>Welcome to our hotel</html>"),
    answer(200, {"status": "approved"}),
    answer(200, {"access_token": "a\r\nX: y"}),
    httpx.ConnectError("refused"),
    httpx.ReadTimeout("late"),
]


@pytest.mark.parametrize("outage", OUTAGES)
async def test_an_endpoint_that_is_down_is_left_alone_for_a_while(
    world: TokenPlatform, outage: Response | Exception
) -> None:
    world.token_answer, upstream = outage, world.upstream()
    for _ in range(3):
        replies = await asyncio.gather(*(upstream.send(POST, ACCOUNT) for _ in range(8)))
        assert {(reply.verdict, reply.sent) for reply in replies} == {(Verdict.UNAVAILABLE, False)}
    assert (world.asked, world.calls) == (1, 0)
    world.token_answer = None
    world.clock.now += 10
    assert (await upstream.send(POST, ACCOUNT)).verdict is Verdict.ACCEPTED


async def test_the_wait_that_the_token_endpoint_asks_for_is_kept(world: TokenPlatform) -> None:
    world.token_answer, upstream = answer(429, "", {"Retry-After": "120"}), world.upstream()
    assert (await upstream.send(POST, ACCOUNT)).retry_after == 120.0
    world.clock.now += 119
    await upstream.send(POST, ACCOUNT)
    assert world.asked == 1


async def test_an_outage_during_a_renewal_keeps_what_was_answered(world: TokenPlatform) -> None:
    upstream = world.upstream()
    await upstream.send(POST, ACCOUNT)
    world.revoked, world.token_answer = {"token-1"}, answer(503, "")
    reply = await upstream.send(POST, ACCOUNT)
    assert (reply.verdict, reply.status, reply.sent) == (Verdict.UNAVAILABLE, 401, True)


async def test_new_credentials_get_a_new_token(world: TokenPlatform) -> None:
    upstream = world.upstream()
    await upstream.send(POST, ACCOUNT)
    await world.store.save(ACCOUNT, "satusehat", StoredToken())  # as the engine does when credentials are set
    changed = Account(1, ACCOUNT.base_url, {**ACCOUNT.credentials, "client_secret": "new"})
    await upstream.send(POST, changed)
    assert world.asked == 2


@pytest.mark.parametrize("credentials", [{}, {"client_id": "a"}, {"client_id": "a", "client_secret": ""}])
async def test_missing_credentials_are_told_without_a_request(
    world: TokenPlatform, credentials: dict[str, str]
) -> None:
    reply = await world.upstream().send(POST, Account(1, ACCOUNT.base_url, credentials))
    assert (reply.verdict, reply.sent, world.wire.requests) == (Verdict.UNAUTHORIZED, False, [])
    assert "belum diisi" in sentence(reply.message)


async def test_a_cancelled_call_does_not_take_the_token_from_the_others(world: TokenPlatform) -> None:
    upstream = world.upstream()
    first, second = (asyncio.create_task(upstream.send(POST, ACCOUNT)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).verdict is Verdict.ACCEPTED
    assert (first.cancelled(), world.asked) == (True, 1)


async def test_closing_ends_a_request_for_a_token(world: TokenPlatform) -> None:
    assert await world.store.lease(ACCOUNT, "satusehat", 1e9)
    upstream = SatuSehat(PROFILE, world.store, world.wire, wall=world.clock)
    call = asyncio.create_task(upstream.send(POST, ACCOUNT))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await upstream.close()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_a_probe_uses_a_token_and_reads_the_organization(world: TokenPlatform) -> None:
    probe = await world.upstream().probe(ACCOUNT)
    assert (probe.ok, world.wire.requests[-1].target) == (True, b"/fhir-r4/v1/Thing/100099001")


async def test_a_probe_without_an_organization_says_so(world: TokenPlatform) -> None:
    probe = await world.upstream().probe(Account(1, ACCOUNT.base_url))
    assert (probe.ok, sentence(probe.message)) == (False, "Nomor organisasi belum diisi")


@pytest.mark.parametrize("settings", [{}, {"token_path": "oauth", "probe_path": "/x"}, {"token_path": "/x"}])
def test_a_profile_without_its_settings_is_refused(world: TokenPlatform, settings: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="must be a path"):
        SatuSehat(Profile("satusehat", settings=settings), world.store, world.wire)
