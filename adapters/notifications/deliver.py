"""Sends a notification in a way by its name, within a time limit."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import httpx

from adapters.messages import message
from adapters.notifications import email, telegram, webhook, whatsapp
from adapters.notifications.contract import DELIVERY_SECONDS, Destination, NotDelivered, Notification, Send
from adapters.outbound.guard import AddressRefused

WAYS: Mapping[str, Send] = {
    "email": email.send,
    "whatsapp": whatsapp.send,
    "telegram": telegram.send,
    "webhook": webhook.send,
}


async def deliver(
    way: str, notification: Notification, destination: Destination, ways: Mapping[str, Send] = WAYS
) -> None:
    """Send a notification; raises NotDelivered for every failure, after DELIVERY_SECONDS at the latest."""
    try:
        async with asyncio.timeout(DELIVERY_SECONDS):
            await ways[way](notification, destination)
    except NotDelivered:
        raise
    except AddressRefused as error:
        raise NotDelivered(str(error)) from error
    except TimeoutError as error:
        raise NotDelivered(message("outbound.no_answer")) from error
    except (httpx.HTTPError, OSError, ValueError) as error:
        raise NotDelivered(message("outbound.failed", error=type(error).__name__)) from error
