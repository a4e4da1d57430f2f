"""Every way by its name, each kept within its time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import httpx

from adapters.notifications import email, telegram, webhook
from adapters.notifications.contract import DELIVERY_SECONDS, Letter, Mailbox, NotDelivered, Post
from adapters.outbound.guard import AddressRefused

WAYS: Mapping[str, Post] = {"email": email.send, "telegram": telegram.send, "webhook": webhook.send}


async def deliver(way: str, letter: Letter, mailbox: Mailbox, ways: Mapping[str, Post] = WAYS) -> None:
    """Raises NotDelivered, whatever went wrong; never takes longer than DELIVERY_SECONDS."""
    try:
        async with asyncio.timeout(DELIVERY_SECONDS):
            await ways[way](letter, mailbox)
    except NotDelivered:
        raise
    except AddressRefused as error:
        raise NotDelivered(str(error)) from error
    except TimeoutError as error:
        raise NotDelivered("Tidak ada jawaban sampai batas waktu") from error
    except (httpx.HTTPError, OSError, ValueError) as error:
        raise NotDelivered(f"Tidak dapat tersambung ({type(error).__name__})") from error
