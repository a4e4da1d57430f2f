"""Letters through a Telegram bot."""

from __future__ import annotations

import httpx

from adapters.notices.contract import PATIENCE, Letter, Mailbox, NotDelivered

API = "https://api.telegram.org"
LONGEST = 4000
"""Characters of one message; Telegram takes 4096."""


async def send(letter: Letter, mailbox: Mailbox, transport: httpx.AsyncBaseTransport | None = None) -> None:
    """The address is the chat's number, the secret the bot's token."""
    text = f"{letter.subject}\n\n{letter.text}"[:LONGEST]
    message = {"chat_id": mailbox.address, "text": text, "disable_web_page_preview": True}
    async with httpx.AsyncClient(transport=transport, timeout=PATIENCE) as client:
        answer = await client.post(f"{API}/bot{mailbox.secret}/sendMessage", json=message)
    if answer.status_code in (401, 404):
        raise NotDelivered("Telegram tidak mengenal token bot itu")
    if answer.status_code in (400, 403):
        raise NotDelivered("Telegram tidak dapat mengirim ke nomor chat itu; mulailah percakapan dengan bot lebih dulu")
    if answer.status_code != 200:
        raise NotDelivered(f"Telegram menjawab HTTP {answer.status_code}")
