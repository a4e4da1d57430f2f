"""Full delivery to a slow upstream against slots divided by latency, the theoretical maximum."""

from __future__ import annotations

from collections.abc import Iterator
from tempfile import TemporaryDirectory

import uvloop

from bench.clinic import clinic, plain
from bench.cpu import cpu_seconds
from bench.options import Options
from bench.rows import Row
from bench.upstream import fake_upstream

IN_FLIGHT = 500
# Seconds -> deliveries: enough that filling the slots, and emptying them at the end, weigh little.
LATENCIES = {0.05: 40_000, 1.0: 15_000}


async def measure(database_url: str, broker_url: str, latency: float, count: int) -> tuple[float, float]:
    """Return deliveries per second from first bell to last settlement, and the share of a core that was busy."""
    with fake_upstream(latency) as address:
        settings = plain(database_url, broker_url, address)
        async with clinic(settings, IN_FLIGHT) as here, here.working() as worker:
            await here.hand_in(0, count)
            spent = cpu_seconds()
            seconds = await here.deliver(worker)
            return count / seconds, (cpu_seconds() - spent) / seconds


def rows(options: Options) -> Iterator[Row]:
    for latency, many in LATENCIES.items():
        count = many // 3 if options.quick else many
        with TemporaryDirectory() as folder:
            for name, url in options.databases(folder).items():
                broker = options.redis if name == "PostgreSQL" and options.redis else "memory://"
                rate, busy = uvloop.run(measure(url, broker, latency, count))
                limit = IN_FLIGHT / latency
                what = f"full delivery at {latency:g} s, {IN_FLIGHT} in flight, {name}"
                note = f"{busy:.0%} of a core busy" + (": the limit is the CPU" if busy > 0.9 else "")
                yield Row(what, f"slots / latency = {limit:,.0f} per s", rate / limit, ">= 0.9", rate, "per s", note)
