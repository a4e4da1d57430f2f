"""make bench: print every measurement as a ratio taken within one run, and its absolute value for the record."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import NamedTuple

from bench import (
    dashboard,
    delivery,
    floor,
    graphile,
    idle,
    indexing,
    intake,
    interactive,
    latency,
    limits,
    lists,
    matching,
    memory,
    others,
    pages,
    questions,
    render,
    settling,
    singles,
    sources,
    startup,
    storage,
    trickle,
    vendor,
    visits,
    workers,
    years,
)
from bench.clinic import hush
from bench.options import Options
from bench.rows import Row


class Size(IntEnum):
    """Size of a run, by its time: under 4 minutes, under 20, or without a limit."""

    QUICK = 0
    USUAL = 1
    LARGE = 2


class Measurement(NamedTuple):
    """`size` is that of the shortest run that it is part of; a measurement that is named is always made."""

    rows: Callable[[Options], Iterable[Row]]
    size: Size


MEASUREMENTS: dict[str, Measurement] = {
    "render": Measurement(render.rows, Size.QUICK),
    "startup": Measurement(startup.rows, Size.USUAL),
    "delivery": Measurement(delivery.rows, Size.QUICK),
    "floor": Measurement(floor.rows, Size.QUICK),
    "others": Measurement(others.rows, Size.USUAL),
    "graphile": Measurement(graphile.rows, Size.QUICK),
    "workers": Measurement(workers.rows, Size.USUAL),
    "trickle": Measurement(trickle.rows, Size.QUICK),
    "vendor": Measurement(vendor.rows, Size.USUAL),
    "idle": Measurement(idle.rows, Size.USUAL),
    "latency": Measurement(latency.rows, Size.USUAL),
    "settling": Measurement(settling.rows, Size.QUICK),
    "limits": Measurement(limits.rows, Size.LARGE),
    "intake": Measurement(intake.rows, Size.QUICK),
    "indexing": Measurement(indexing.rows, Size.QUICK),
    "singles": Measurement(singles.rows, Size.QUICK),
    "dashboard": Measurement(dashboard.rows, Size.QUICK),
    "memory": Measurement(memory.rows, Size.USUAL),
    "matching": Measurement(matching.rows, Size.USUAL),
    "pages": Measurement(pages.rows, Size.USUAL),
    "interactive": Measurement(interactive.rows, Size.USUAL),
    "questions": Measurement(questions.rows, Size.USUAL),
    "storage": Measurement(storage.rows, Size.QUICK),
    "years": Measurement(years.rows, Size.USUAL),
    "lists": Measurement(lists.rows, Size.USUAL),
    "visits": Measurement(visits.rows, Size.USUAL),
    "sources": Measurement(sources.rows, Size.LARGE),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    every = f"those of the size unless named: {', '.join(MEASUREMENTS)}"
    parser.add_argument("names", nargs="*", metavar="NAME", help=every)
    parser.add_argument("--quick", action="store_true", help="the short ones, with fewer deliveries and rounds")
    parser.add_argument("--large", action="store_true", help="all, with ten million rows; takes hours and 30 GB")
    parser.add_argument("--years", type=int, default=0, metavar="N", help="deliveries of a clinic after years")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - MEASUREMENTS.keys():
        parser.error(f"no measurement {', '.join(sorted(unknown))}; available: {', '.join(MEASUREMENTS)}")
    hush()
    options = Options(quick=arguments.quick, large=arguments.large, years=arguments.years)
    size = Size.LARGE if options.large else Size.QUICK if options.quick else Size.USUAL
    names = arguments.names or [name for name, each in MEASUREMENTS.items() if each.size <= size]
    print(f"{'what':<44} {'against':<34} {'ratio':>8}   {'reach':<10} {'absolute':>12}")
    began = time.monotonic()
    for name in names:
        started = time.monotonic()
        for row in MEASUREMENTS[name].rows(options):
            print(row, flush=True)
        now = time.monotonic()
        print(f"    {name}: {now - started:.0f} s, all so far: {(now - began) / 60:.1f} min", flush=True)


if __name__ == "__main__":
    main()
