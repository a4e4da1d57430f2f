"""What every way of telling people has in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from adapters.outbound.networks import Policy

DELIVERY_SECONDS = 20.0  # seconds that one letter may take altogether
MAX_ANSWER_BYTES = 16 * 1024  # bytes of an answer that are read; nothing but its status is of use


@dataclass(frozen=True, slots=True)
class Letter:
    """What is told; `events` is the same for machines: JSON objects."""

    subject: str
    text: str
    events: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Mailbox:
    """To whom, and what opens the way there: a mail server's address, a bot's token, or a key that signs.

    `policy` says where a webhook or a mail server may be.
    """

    address: str
    policy: Policy
    secret: str = ""
    sender: str = ""


class NotDelivered(Exception):
    """The letter may not have arrived; the message is for a person."""


class Post(Protocol):
    """One way."""

    async def __call__(self, letter: Letter, mailbox: Mailbox) -> None:
        """Return when it was taken over; raises NotDelivered, or whatever the network raises."""
        ...
