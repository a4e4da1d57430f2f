"""Redis as the broker of bells, asked seldom for the delayed messages that Antar never sends."""

from __future__ import annotations

from dramatiq import Consumer
from dramatiq.brokers.redis import RedisBroker
from dramatiq.common import q_name

DELAYED_POLL_MS = 1_000  # between two questions for delayed messages; a worker that stops waits for the last one


class BellBroker(RedisBroker):
    """Asks for delayed messages once a second: Dramatiq asks for them as often as for all others.

    A question takes 0.5 to 1 ms of CPU, and there are no such messages: bells are neither delayed nor retried.
    """

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> Consumer:
        """Return the consumer of a queue, which rests up to `timeout` milliseconds between two questions."""
        is_delayed = q_name(queue_name) != queue_name
        return super().consume(queue_name, prefetch, DELAYED_POLL_MS if is_delayed else timeout)
