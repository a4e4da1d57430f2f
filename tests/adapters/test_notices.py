"""Ways of notification: the messages that are sent, and the reason of a failure."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json

import httpx
import pytest

from adapters.notifications import email, telegram, webhook, whatsapp
from adapters.notifications.contract import Destination, NotDelivered, Notification
from adapters.notifications.deliver import deliver
from adapters.notifications.gateways import read_gateways
from adapters.outbound.networks import Network, Policy
from admin.text.words import sentence

pytestmark = pytest.mark.anyio

HERE = Policy(Network.LOOPBACK, "ANTAR_ALERT_NETWORKS")

LETTER = Notification(
    "Antar: SATUSEHAT tidak dapat dihubungi", "Sejak 10.00\nPanel: http://antar.test", ({"kind": "down"},)
)


class MailServer:
    """A minimal SMTP server; `refuse` is a recipient that it does not accept."""

    def __init__(self, refuse: str = "") -> None:
        self.refuse = refuse
        self.letters: list[str] = []

    async def __aenter__(self) -> MailServer:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.url = f"smtp://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 uji\r\n")
        while line := (await reader.readline()).decode():
            word = line[:4].upper().strip()
            if word == "DATA":
                writer.write(b"354 go\r\n")
                self.letters.append((await reader.readuntil(b"\r\n.\r\n")).decode())
            refused = word == "RCPT" and self.refuse and self.refuse in line
            writer.write(b"550 no\r\n" if refused else b"221 bye\r\n" if word == "QUIT" else b"250 ok\r\n")
            if word == "QUIT":
                break
        writer.close()


async def test_an_e_mail_leaves_as_a_letter() -> None:
    async with MailServer() as server:
        await email.send(LETTER, Destination("sari@klinik.test", HERE, server.url, "antar@klinik.test"))
    [letter] = server.letters
    assert "To: sari@klinik.test" in letter
    assert "Subject: Antar: SATUSEHAT tidak dapat dihubungi" in letter
    assert "Sejak 10.00" in letter


async def test_a_mail_server_that_refuses_is_told_in_words() -> None:
    async with MailServer(refuse="sari@") as server:
        with pytest.raises(NotDelivered, match=r"mail\.refused"):
            await deliver("email", LETTER, Destination("sari@klinik.test", HERE, server.url))


@pytest.mark.parametrize("secret", ["", "http://x", "smtp://"])
async def test_without_a_mail_server_nothing_is_tried(secret: str) -> None:
    with pytest.raises(NotDelivered, match=r"mail\.no_server"):
        await deliver("email", LETTER, Destination("sari@klinik.test", HERE, secret))


async def test_a_subject_cannot_smuggle_headers() -> None:
    async with MailServer() as server:
        with pytest.raises(NotDelivered):
            await deliver(
                "email", Notification("a\r\nBcc: x@y.z", ""), Destination("sari@klinik.test", HERE, server.url)
            )
    assert server.letters == []


async def test_telegram_is_asked_with_the_token_of_the_bot() -> None:
    seen: list[httpx.Request] = []
    transport = httpx.MockTransport(lambda request: seen.append(request) or httpx.Response(200))
    await telegram.send(LETTER, Destination("-100123", HERE, "7:AAA"), transport)
    assert str(seen[0].url) == "https://api.telegram.org/bot7:AAA/sendMessage"
    assert json.loads(seen[0].content)["chat_id"] == "-100123"


@pytest.mark.parametrize(("status", "words"), [(401, "token"), (403, "nomor chat"), (429, "HTTP 429")])
async def test_what_telegram_refuses_is_told_without_the_token(status: int, words: str) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(status))
    with pytest.raises(NotDelivered) as error:
        await telegram.send(LETTER, Destination("-100123", HERE, "7:AAA"), transport)
    assert words in sentence(str(error.value))
    assert "7:AAA" not in str(error.value)


async def test_a_webhook_is_signed() -> None:
    seen: list[httpx.Request] = []
    transport = httpx.MockTransport(lambda request: seen.append(request) or httpx.Response(204))
    await webhook.send(LETTER, Destination("https://klinik.test/antar", HERE, "kunci"), transport)
    mark = hmac.new(b"kunci", seen[0].content, hashlib.sha256).hexdigest()
    assert seen[0].headers["X-Antar-Signature"] == f"sha256={mark}"
    assert json.loads(seen[0].content)["events"] == [{"kind": "down"}]


async def test_a_webhook_that_leads_elsewhere_is_not_followed() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(302, headers={"location": "http://10.0.0.1/"}))
    with pytest.raises(NotDelivered, match="302"):
        await webhook.send(LETTER, Destination("https://klinik.test/antar", HERE), transport)


async def test_nobody_there_is_told_in_words() -> None:
    with pytest.raises(NotDelivered, match=r"outbound\.failed"):
        await deliver("webhook", LETTER, Destination("http://127.0.0.1:9/", HERE))


GATEWAYS = read_gateways(
    {
        "json": {
            "label": {"id": "A", "en": "A"},
            "url": "",
            "encoding": "json",
            "headers": {"Authorization": "Bearer {token}"},
            "body": {"to": "{to}", "message": "{message}"},
        },
        "form": {
            "label": {"id": "B", "en": "B"},
            "url": "",
            "encoding": "form",
            "headers": {},
            "body": {"target": "{to}", "message": "{message}"},
        },
    }
)


@pytest.mark.parametrize(
    ("name", "begins"), [("json", b'{"to":"62811","message":"*{token}*'), ("form", b"target=62811&message=%2A%7Btoken")]
)
async def test_a_gateway_gets_number_and_message_as_it_is_declared(name: str, begins: bytes) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200)

    destination = Destination("62811", HERE, "RAHASIA", url="http://127.0.0.1/kirim", gateway=GATEWAYS[name])
    letter = Notification("{token}", "x")
    await whatsapp.send(letter, destination, httpx.MockTransport(answer))
    assert asked[0].content.startswith(begins)
    assert asked[0].headers.get("Authorization") == ("Bearer RAHASIA" if name == "json" else None)


@pytest.mark.parametrize(("status", "words"), [(401, "menolak token"), (500, "HTTP 500")])
async def test_a_gateway_that_refuses_is_told(status: int, words: str) -> None:
    destination = Destination("62811", HERE, "x", url="http://127.0.0.1/", gateway=GATEWAYS["json"])
    with pytest.raises(NotDelivered) as error:
        await whatsapp.send(LETTER, destination, httpx.MockTransport(lambda _: httpx.Response(status)))
    assert words in sentence(str(error.value))


@pytest.mark.parametrize("wrong", [{"encoding": "xml"}, {"body": {"to": "{to}"}}, {"label": "A"}, {"more": 1}])
def test_a_wrong_gateway_is_named(wrong: dict[str, object]) -> None:
    right = {"label": {"id": "A", "en": "A"}, "url": "", "encoding": "json", "headers": {}}
    with pytest.raises(ValueError, match=r"^satu"):
        read_gateways({"satu": {**right, "body": {"to": "{to}", "message": "{message}"}, **wrong}})
