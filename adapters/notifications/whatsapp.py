"""Notifications to a WhatsApp number, through the gateway that the clinic has a contract with."""

from __future__ import annotations

from urllib.parse import urlencode

import httpx
import orjson

from adapters.messages import message
from adapters.notifications.contract import DELIVERY_SECONDS, MAX_ANSWER_BYTES, Destination, NotDelivered, Notification
from adapters.notifications.gateways import filled
from adapters.outbound.http import guarded_client, post

MAX_CHARACTERS = 4000  # of one message; WhatsApp accepts 4096
TYPES = {"json": "application/json", "form": "application/x-www-form-urlencoded"}


async def send(
    notification: Notification, destination: Destination, transport: httpx.AsyncBaseTransport | None = None
) -> None:
    """Send a message; the address is the number, `url` the gateway's address, the secret its token."""
    gateway = destination.gateway
    if gateway is None:
        raise NotDelivered(message("whatsapp.gateway"))
    text = f"*{notification.subject}*\n\n{notification.text}"[:MAX_CHARACTERS]
    values = {"to": destination.address, "message": text, "token": destination.secret}
    content = filled(gateway.body, values)
    body = orjson.dumps(content) if gateway.encoding == "json" else urlencode(content).encode()
    headers = {"Content-Type": TYPES[gateway.encoding], **filled(gateway.headers, values)}
    async with guarded_client(destination.policy, DELIVERY_SECONDS, transport) as client:
        answer = await post(client, destination.url, body, headers, MAX_ANSWER_BYTES)
    if answer.status in (401, 403):
        raise NotDelivered(message("whatsapp.token"))
    if not answer.is_success:
        raise NotDelivered(message("whatsapp.status", status=answer.status))
