"""Contract of all ways to send a notification."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from adapters.notifications.gateways import Gateway
from adapters.outbound.networks import Policy

DELIVERY_SECONDS = 20.0  # time limit of one notification
MAX_ANSWER_BYTES = 16 * 1024  # bytes of an answer that are read; only its status is used


@dataclass(frozen=True, slots=True)
class Notification:
    """A message to a recipient; `events` has its content as JSON objects for machines."""

    subject: str
    text: str
    events: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Destination:
    """Address of a recipient, and the secret that the way needs: a mail server's URL, a bot's token, or a signing key.

    `policy` limits the networks in which a webhook or a mail server may be.
    """

    address: str
    policy: Policy
    secret: str = ""
    sender: str = ""
    url: str = ""  # of a gateway
    gateway: Gateway | None = None


class NotDelivered(Exception):
    """The notification may not have arrived; the message is for a person."""


class Send(Protocol):
    """Sends a notification in one way."""

    async def __call__(self, notification: Notification, destination: Destination) -> None:
        """Return when the notification was accepted; raises NotDelivered or the network's errors."""
        ...
