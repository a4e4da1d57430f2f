"""Notifications through a Telegram bot."""

from __future__ import annotations

import httpx
import orjson

from adapters.messages import message
from adapters.notifications.contract import DELIVERY_SECONDS, MAX_ANSWER_BYTES, Destination, NotDelivered, Notification
from adapters.outbound.http import post

API = "https://api.telegram.org"
MAX_CHARACTERS = 4000  # of one message; Telegram accepts 4096


async def send(
    notification: Notification, destination: Destination, transport: httpx.AsyncBaseTransport | None = None
) -> None:
    """Send a message; the address is the chat's number, the secret is the bot's token.

    No person can choose the host, so a proxy of the environment is used as for the upstreams.
    """
    text = f"{notification.subject}\n\n{notification.text}"[:MAX_CHARACTERS]
    content = {"chat_id": destination.address, "text": text, "disable_web_page_preview": True}
    async with httpx.AsyncClient(transport=transport, timeout=DELIVERY_SECONDS) as client:
        url, headers = f"{API}/bot{destination.secret}/sendMessage", {"Content-Type": "application/json"}
        answer = await post(client, url, orjson.dumps(content), headers, MAX_ANSWER_BYTES)
    if answer.status in (401, 404):
        raise NotDelivered(message("telegram.token"))
    if answer.status in (400, 403):
        raise NotDelivered(message("telegram.chat"))
    if answer.status != 200:
        raise NotDelivered(message("telegram.status", status=answer.status))
