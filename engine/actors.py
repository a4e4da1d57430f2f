"""One Dramatiq actor per entry of the catalog. Its message is a bell: "something is due for this facility".

A message carries no data and may be lost: deliveries are in the database, and the sweep finds those that are due.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import dramatiq
import structlog
from dramatiq.brokers.stub import StubBroker
from dramatiq.middleware import AgeLimit, Retries, ShutdownNotifications, TimeLimit

from engine.delivery.types import Channel
from engine.errors import SettingsError
from engine.specs.record_type import Spec

# One queue for the bells of all upstreams: each one costs an idle worker two threads, which ask Redis again and again.
QUEUE = "antar"
GATHER_SECONDS = 0.01  # in which several rings for the same entry and facility become one message
LAST_RING_SECONDS = 2.0  # that a broker has at the end to take the last messages; nothing is lost without it
AGE_LIMIT_MS = 3_600_000  # after which an unread message is thrown away; sweeps have rung many times since

log = structlog.get_logger(__name__)

Ring = Callable[[Channel], None]
Broker = dramatiq.Broker


def make_broker(url: str) -> dramatiq.Broker:
    """Return the broker of ANTAR_BROKER_URL: memory://, redis:// or amqp://; raises SettingsError for others."""
    middleware: list[dramatiq.Middleware] = [
        AgeLimit(max_age=AGE_LIMIT_MS),
        TimeLimit(),
        ShutdownNotifications(),
        Retries(max_retries=0),
    ]
    scheme = url.partition(":")[0]
    if scheme == "memory":
        return StubBroker(middleware=middleware)
    if scheme in ("redis", "rediss"):
        from engine.redis_broker import BellBroker

        return BellBroker(url=url, middleware=middleware, namespace="antar")  # type: ignore[no-untyped-call]
    if scheme in ("amqp", "amqps"):
        from dramatiq.brokers.rabbitmq import RabbitmqBroker

        return RabbitmqBroker(url=url, middleware=middleware)
    raise SettingsError(f"ANTAR_BROKER_URL begins with {scheme!r}; use memory://, redis:// or amqp://")


def declare(broker: dramatiq.Broker, specs: Iterable[Spec], ring: Ring) -> dict[str, dramatiq.Actor[[int], None]]:
    """Return an actor for each entry; `ring` is called with the channel when its message arrives in this process."""
    return {spec.name: _actor(broker, spec, ring) for spec in specs}


def _actor(broker: dramatiq.Broker, spec: Spec, ring: Ring) -> dramatiq.Actor[[int], None]:
    name = f"send_{spec.name}"
    if name in broker.actors:
        return broker.actors[name]

    def hear(facility_id: int) -> None:
        ring(Channel(spec.upstream.name, facility_id))

    return dramatiq.Actor[[int], None](hear, broker=broker, actor_name=name, queue_name=QUEUE, priority=0, options={})


class Bell:
    """Sends rings without ever blocking the caller: rings are collected, sent from one thread, and may be lost.

    A broker that hangs blocks this one thread only; further rings are collected meanwhile.
    """

    def __init__(self, actors: dict[str, dramatiq.Actor[[int], None]]) -> None:
        self.actors = actors
        self._rung: set[tuple[str, int]] = set()
        self._sending: asyncio.Task[None] | None = None

    def ring(self, spec: str, facility_id: int) -> None:
        """Announce that something is due; call it from the event loop, after the commit."""
        self._rung.add((spec, facility_id))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.get_running_loop().create_task(self._send())

    async def _send(self) -> None:
        while self._rung:
            await asyncio.sleep(GATHER_SECONDS)
            rung, self._rung = self._rung, set()
            await asyncio.to_thread(self._enqueue, rung)

    def _enqueue(self, rung: set[tuple[str, int]]) -> None:
        try:
            for spec, facility_id in rung:
                self.actors[spec].send(facility_id)
        except Exception as error:  # brokers raise all kinds of errors; the sweep rings again
            log.warning("bell_not_rung", error=type(error).__name__)

    async def close(self) -> None:
        """Send the collected rings; wait no longer than LAST_RING_SECONDS for the broker."""
        if self._sending is not None:
            await asyncio.wait({self._sending}, timeout=LAST_RING_SECONDS)
            self._sending.cancel()
