"""Notifications as JSON, posted to an address that the clinic has entered."""

from __future__ import annotations

import hashlib
import hmac
import json

import httpx

from adapters.messages import message
from adapters.notifications.contract import DELIVERY_SECONDS, MAX_ANSWER_BYTES, Destination, NotDelivered, Notification
from adapters.outbound.http import guarded_client, post

SIGNATURE = "X-Antar-Signature"


async def send(
    notification: Notification, destination: Destination, transport: httpx.AsyncBaseTransport | None = None
) -> None:
    """Post a notification; with a secret X-Antar-Signature has `sha256=` and the body's HMAC in hex."""
    content = {
        "subject": notification.subject,
        "text": notification.text,
        "events": [dict(event) for event in notification.events],
    }
    body = json.dumps(content, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json"}
    if destination.secret:
        headers[SIGNATURE] = f"sha256={hmac.new(destination.secret.encode(), body, hashlib.sha256).hexdigest()}"
    async with guarded_client(destination.policy, DELIVERY_SECONDS, transport) as client:
        answer = await post(client, destination.address, body, headers, MAX_ANSWER_BYTES)
    if not answer.is_success:
        raise NotDelivered(message("webhook.status", status=answer.status))
