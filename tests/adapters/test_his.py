"""Telling the clinic's own system: signed, in time, and only where a clinic's system can be."""

from __future__ import annotations

import httpx
import orjson
import pytest

from adapters.his import ID, LONGEST, MOMENT, SIGNATURE, His, NotTaken, signature, tell, wrong_with

pytestmark = pytest.mark.anyio

SYSTEM = His("http://his.klinik/hook", "rahasia")


async def told(answer: httpx.Response | Exception, requests: list[httpx.Request] | None = None) -> object:
    def handler(request: httpx.Request) -> httpx.Response:
        if requests is not None:
            requests.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return await tell(SYSTEM, "mobile-7", {"n": 1}, 1_700_000_000_000, 5.0, httpx.MockTransport(handler))


async def test_a_message_carries_its_id_and_is_signed_with_its_moment() -> None:
    requests: list[httpx.Request] = []
    assert await told(httpx.Response(200, json={"ok": True}), requests) == {"ok": True}
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
        (httpx.Response(200, content=b"x" * (LONGEST + 1)), "terlalu panjang"),
    ],
)
async def test_whatever_is_no_success_is_told_in_words(answer: httpx.Response | Exception, words: str) -> None:
    with pytest.raises(NotTaken, match=words):
        await told(answer)


async def test_a_success_need_not_say_anything() -> None:
    assert await told(httpx.Response(204)) is None
    assert await told(httpx.Response(200, text="terima kasih")) is None


@pytest.mark.parametrize(
    "address",
    ["ftp://his", "file:///etc/passwd", "his.klinik", "http://", "http://u:p@his/", "http://169.254.169.254/x",
     "http://metadata.google.internal/", "http://[fe80::1]/", "http://his:99999/", "https://[::1"],
)  # fmt: skip
async def test_an_address_that_is_no_clinics_is_refused(address: str) -> None:
    assert wrong_with(address)
    with pytest.raises(NotTaken):
        await tell(His(address, "x"), "1", {}, 0, 1.0)


def test_a_clinics_own_network_is_not_out_of_bounds() -> None:
    assert [wrong_with(each) for each in ("http://192.168.1.5:8080/hook", "https://his.klinik.id/a?b=c")] == ["", ""]
