"""Webhook of the clinic's own system: signed, with a time limit, and sent only to permitted addresses."""

from __future__ import annotations

import httpx
import orjson
import pytest

from adapters.clinic_webhook import ID, MAX_ANSWER_BYTES, MOMENT, SIGNATURE, ClinicSystem, NotTaken, signature, tell
from adapters.outbound.networks import Network, Policy
from admin.text.words import sentence

pytestmark = pytest.mark.anyio

POLICY = Policy(Network.PRIVATE, "ANTAR_WEBHOOK_NETWORKS")
SYSTEM = ClinicSystem("http://his.klinik/hook", "rahasia", POLICY)


async def webhook_result(answer: httpx.Response | Exception, requests: list[httpx.Request] | None = None) -> object:
    def handler(request: httpx.Request) -> httpx.Response:
        if requests is not None:
            requests.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return await tell(SYSTEM, "mobile-7", {"n": 1}, 1_700_000_000_000, 5.0, httpx.MockTransport(handler))


async def test_a_message_carries_its_id_and_is_signed_with_its_moment() -> None:
    requests: list[httpx.Request] = []
    assert await webhook_result(httpx.Response(200, json={"ok": True}), requests) == {"ok": True}
    [request] = requests
    assert (request.headers[ID], request.headers[MOMENT]) == ("mobile-7", "1700000000")
    assert request.headers[SIGNATURE] == signature("rahasia", "1700000000", orjson.dumps({"n": 1}))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (httpx.Response(500), "HTTP 500"),
        (httpx.Response(302, headers={"Location": "http://169.254.169.254/"}), "HTTP 302"),
        (httpx.ConnectError("no"), "Tidak dapat tersambung"),
        (httpx.ReadTimeout("slow"), "Tidak dapat tersambung"),
        (httpx.Response(200, content=b"x" * (MAX_ANSWER_BYTES + 1)), "terlalu panjang"),
    ],
)
async def test_whatever_is_no_success_is_told_in_words(answer: httpx.Response | Exception, words: str) -> None:
    with pytest.raises(NotTaken) as refused:
        await webhook_result(answer)
    assert words in sentence(str(refused.value))


async def test_a_success_need_not_say_anything() -> None:
    assert await webhook_result(httpx.Response(204)) is None
    assert await webhook_result(httpx.Response(200, text="terima kasih")) is None


async def test_an_address_that_is_no_clinics_is_refused_before_it_is_asked() -> None:
    with pytest.raises(NotTaken, match=r"address\.only_private.*ANTAR_WEBHOOK_NETWORKS"):
        await tell(ClinicSystem("http://2852039166/x", "x", POLICY), "1", {}, 0, 1.0)
