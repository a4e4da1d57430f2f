"""Limits as the upstream sees them, fairness between clinics and lanes, and outages: with real worker processes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from statistics import median, quantiles
from typing import NamedTuple

import uvloop

from bench.fleet import Fleet, Kind, fleet
from bench.options import Options
from bench.rows import Row, median_ratio
from bench.witness import Manner, SeenRequest, most_in_flight, windows
from engine.database.statements import Statement
from engine.delivery.status import Lane
from engine.limits.slots import REFRESH_SECONDS
from engine.outbox.claim import LIFE_MS
from engine.outbox.resend import resend

PROCESSES = 3
ROUNDS = 3
WINDOW_SECONDS = 5.0  # in which the rate must be kept
RATE = 100.0
SETTLE_SECONDS = 3 * REFRESH_SECONDS  # after which a new process has its part of the slots
FLOOD, DEAD = 100_000, 10_000
OUTAGE_SECONDS, PAUSE_SECONDS, FAILURES = 30.0, 5.0, 5
# Time after which all processes know that an upstream hangs: two time-outs in a row on each of their slots
HANG_SEEN_SECONDS = 14.0
KINDS = {
    "paced": Kind(16, RATE),
    "narrow": Kind(12),
    "slow": Kind(12),
    "shared": Kind(8, 20.0),
    "wide": Kind(64),
    "mute": Kind(6, None, {"timeouts": {"connect": 1, "total": 6}, "breaker": {"failures": 3, "pause": 2}}),
    "gone": Kind(6, None, {"breaker": {"failures": 3, "pause": 2}}, gone=True),
    "brittle": Kind(15, None, {"breaker": {"failures": FAILURES, "pause": PAUSE_SECONDS}}),
}
MANNERS = {
    "paced": Manner(latency=0.005),
    "narrow": Manner(latency=0.2),
    "slow": Manner(latency=3.0),
    "shared": Manner(latency=0.02),
    "wide": Manner(latency=0.005),
    "mute": Manner(latency=None),
    "brittle": Manner(latency=0.05),
}


async def rate(ships: Fleet, name: str, seconds: float) -> list[Row]:
    """Return the fewest and the most requests in any window after the first."""
    await ships.hand_in("paced", "a", int(RATE * (seconds + 15)))
    await asyncio.sleep(WINDOW_SECONDS + SETTLE_SECONDS)
    began = time.time()
    await asyncio.sleep(seconds)
    seen = ships.outside.seen("paced")
    await ships.clear()
    return _rate_rows(f"rate, {name}", windows(seen, began, time.time(), WINDOW_SECONDS))


def _rate_rows(what: str, counts: tuple[int, int]) -> list[Row]:
    limit = RATE * WINDOW_SECONDS
    against = f"limit in any {WINDOW_SECONDS:.0f} s"
    return [
        Row(f"{what}: fewest", against, counts[0] / limit, ">= 0.95", counts[0] / WINDOW_SECONDS, "per s"),
        Row(f"{what}: most", against, counts[1] / limit, "<= 1.05", counts[1] / WINDOW_SECONDS, "per s"),
    ]


async def concurrency(ships: Fleet, name: str, seconds: float) -> list[Row]:
    """Return the most and the mean requests in flight, relative to the slots."""
    await ships.hand_in("narrow", "a", int(60 * (seconds + 15)))
    await asyncio.sleep(WINDOW_SECONDS + SETTLE_SECONDS)
    began = time.time()
    await asyncio.sleep(seconds)
    seen, ended = ships.outside.seen("narrow"), time.time()
    await ships.clear()
    slots = KINDS["narrow"].concurrency
    most, _ = most_in_flight(seen, seen[0].begin, ended)
    _, mean = most_in_flight(seen, began, ended)
    return [
        Row(f"in flight, {name}: most", "slots", most / slots, "<= 1", most, ""),
        Row(f"in flight, {name}: mean", "slots", mean / slots, ">= 0.95", mean, ""),
    ]


async def coming_and_going(ships: Fleet, name: str) -> list[Row]:
    """Kill one process and start another: never above the limits, and not below after it has settled."""
    settled = LIFE_MS / 1000 + SETTLE_SECONDS
    await ships.hand_in("paced", "b", int(RATE * (settled + 6 * WINDOW_SECONDS)))
    await ships.hand_in("slow", "b", 1000)
    await asyncio.sleep(WINDOW_SECONDS + SETTLE_SECONDS)
    began = time.time()
    await ships.kill()
    await asyncio.sleep(settled)
    alone = time.time()
    await asyncio.sleep(1.6 * WINDOW_SECONDS)
    joined = time.time()
    await ships.start()
    await asyncio.sleep(WINDOW_SECONDS)
    ended = time.time()
    seen = _of(ships.outside.seen("paced"), "b")
    most, _ = most_in_flight(ships.outside.seen("slow"), began, ended)
    slots = KINDS["slow"].concurrency
    await ships.clear()
    above = windows(seen, began, ended, WINDOW_SECONDS)[1]
    below = windows(seen, alone, joined, WINDOW_SECONDS)[0]
    what = f"rate, {name}, one dies, one comes"
    return [
        *_rate_rows(what, (below, above)),
        Row(f"in flight, {name}, 3 s upstream", "slots", most / slots, "<= 1", most, ""),
    ]


def _of(seen: Iterable[SeenRequest], who: str) -> list[SeenRequest]:
    return [request for request in seen if request.who == who]


async def waits(ships: Fleet, seconds: float) -> float:
    """Return the p95 seconds from accepted to seen, of records that clinic B hands in every tenth of a second."""
    accepted = dict(await ships.each_tenth("shared", "b", seconds))
    waited = await ships.seen_after("shared", accepted)
    return quantiles(waited, n=20)[-1]


async def against_alone(
    ships: Fleet, what: str, seconds: float, begin: Callable[[], Awaitable[object]], kind: str = ""
) -> Row:
    """Compare B's wait while `begin` has its effect with B's wait alone, alternating; clinic A's work is of `kind`."""
    alone, loaded = [], []
    for n in range(ROUNDS):
        alone.append(await waits(ships, seconds))
        await (ships.due_again(kind) if n and kind else begin())
        await asyncio.sleep(2)
        loaded.append(await waits(ships, seconds))
        await ships.clear()
        await asyncio.sleep(2)
    against = f"alone ({1000 * median(alone):.0f} ms)"
    return Row(
        f"p95 wait of B, {what}", against, median_ratio(loaded, alone), "<= 1.2, +20", 1000 * median(loaded), "ms"
    )


async def fairness(ships: Fleet, seconds: float, flood: int, dead: int) -> list[Row]:
    """Compare B's wait alone with its wait while clinic A floods the queue, or while another upstream is dead."""
    part = seconds / ROUNDS
    pouring: list[asyncio.Task[object]] = []

    async def pour() -> None:
        pouring.append(asyncio.create_task(ships.hand_in("wide", "a", flood // 10)))

    await waits(ships, 3)
    report = [
        await against_alone(
            ships, f"{dead:,} of A, upstream refuses", part, lambda: ships.hand_in("gone", "a", dead), "gone"
        ),
        await against_alone(
            ships, f"{dead:,} of A, upstream hangs", part, lambda: ships.hand_in("mute", "a", dead), "mute"
        ),
        await against_alone(
            ships, f"{flood:,} of A", part, lambda: ships.hand_in("shared", "a", flood, lane=Lane.BULK), "shared"
        ),
    ]
    await ships.due_again("shared")
    report += await lanes(ships)
    await ships.clear()
    report.append(await against_alone(ships, "A without limits of its own", part, pour))
    await asyncio.gather(*pouring)
    await ships.clear()
    return report


async def lanes(ships: Fleet, count: int = 20) -> list[Row]:
    """Measure how soon today's record, and a manual resend, overtake the bulk: relative to the time of a batch."""
    kind, clinic = KINDS["shared"], ships.clinics["a"]
    assert kind.rate
    batch = 2 * kind.concurrency / kind.rate
    await asyncio.sleep(batch + SETTLE_SECONDS)
    handed_in, again = dict[str, float](), dict[str, float]()
    sent = await ships.hub.database.fetch(_SENT, {"a": clinic.id, "count": count})
    for id_, key in sent:
        handed_in |= dict(await ships.hand_in("shared", "a", 1, lane=Lane.TODAY))
        await asyncio.sleep(0.37)
        await resend(ships.hub.database, clinic.id, [id_], "sari", reason="bench", force=True)
        ships.hub.bell.ring("Shared", clinic.id)
        again[key] = time.time()
        await asyncio.sleep(0.41)
    against = f"a batch ({1000 * batch:.0f} ms)"
    return [
        Row(f"p95 wait of {what}, bulk waiting", against, wait / batch, "<= 1", 1000 * wait, "ms")
        for what, at in (("today's record", handed_in), ("a resend", again))
        for wait in [quantiles(await ships.seen_after("shared", at), n=20)[-1]]
    ]


class _Sent(NamedTuple):
    id: int
    key: str


_SENT = Statement(
    "SELECT id, key FROM deliveries WHERE facility_id = :a AND upstream = 'shared' AND status = 'sent' LIMIT :count",
    _Sent,
)


async def outages(ships: Fleet) -> list[Row]:
    """Count the requests to an upstream that answers 503, and the probes at once to one that never answers."""
    await ships.hand_in("brittle", "a", 3000)
    await ships.hand_in("mute", "b", 500)
    await asyncio.sleep(3)
    ships.outside.behave("brittle", Manner(503, 0.3))
    began = time.time()
    await asyncio.sleep(OUTAGE_SECONDS)
    ended = time.time()
    ships.outside.behave("brittle", Manner(latency=0.02))
    seen = [post for post in ships.outside.seen("brittle") if began < post.begin < ended]
    mute = ships.outside.seen("mute")
    closed = _of(mute, "b")[0].begin + HANG_SEEN_SECONDS
    probing, _ = most_in_flight(mute, closed, ended)
    asking, _ = most_in_flight(seen, began + 2, ended)
    await asyncio.sleep(2 * PAUSE_SECONDS)
    after = [post for post in ships.outside.seen("brittle") if post.begin > ended]
    await ships.clear()
    allowed = KINDS["brittle"].concurrency + OUTAGE_SECONDS // PAUSE_SECONDS
    return [
        Row("posts during 30 s of 503", "slots + probes", len(seen) / allowed, "<= 1", len(seen), ""),
        Row("probes at once, upstream answers 503", "one", asking, "<= 1", asking, ""),
        Row("probes at once, upstream hangs for 3 pauses", "one", probing, "<= 1", probing, ""),
        Row(
            "first after the outage",
            "pause",
            (after[0].begin - ended) / PAUSE_SECONDS,
            "<= 1.5",
            after[0].begin - ended,
            "s",
        ),
    ]


async def measure(ships: Fleet, options: Options) -> AsyncIterator[Row]:
    """Yield all rows on PostgreSQL with several processes, else only those of a single process."""
    several = ships.hub.database.dialect == "postgresql"
    name = f"{PROCESSES} processes" if several else "SQLite, in memory"
    seconds = 12.0 if options.quick else 30.0
    for path, manner in MANNERS.items():
        ships.outside.behave(path, manner)
    await ships.start(PROCESSES if several else 1)
    for row in [*await rate(ships, name, seconds), *await concurrency(ships, name, seconds / 2)]:
        yield row
    if several:
        flood = FLOOD // 4 if options.quick else FLOOD
        for row in [
            *await coming_and_going(ships, name),
            *await fairness(ships, seconds, flood, DEAD),
            *await outages(ships),
        ]:
            yield row


async def on(database_url: str, broker_url: str, options: Options) -> list[Row]:
    async with fleet(database_url, broker_url, KINDS) as ships:
        return [row async for row in measure(ships, options)]


def rows(options: Options) -> Iterator[Row]:
    """Yield rows of SQLite with one process, and of PostgreSQL with several if it is available."""
    yield from uvloop.run(on("", "memory://", options))
    if options.postgresql and options.redis:
        yield from uvloop.run(on(options.postgresql, options.redis, options))
