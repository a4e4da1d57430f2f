"""make bench: print every measurement as a ratio taken within one run, and its absolute value for the record."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable

from bench import (
    dashboard,
    delivery,
    floor,
    graphile,
    idle,
    intake,
    interactive,
    latency,
    limits,
    lists,
    matching,
    memory,
    others,
    pages,
    render,
    settling,
    singles,
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

ROWS: dict[str, Callable[[Options], Iterable[Row]]] = {
    "render": render.rows,
    "startup": startup.rows,
    "delivery": delivery.rows,
    "floor": floor.rows,
    "others": others.rows,
    "graphile": graphile.rows,
    "workers": workers.rows,
    "trickle": trickle.rows,
    "vendor": vendor.rows,
    "idle": idle.rows,
    "latency": latency.rows,
    "settling": settling.rows,
    "limits": limits.rows,
    "intake": intake.rows,
    "singles": singles.rows,
    "dashboard": dashboard.rows,
    "memory": memory.rows,
    "matching": matching.rows,
    "pages": pages.rows,
    "interactive": interactive.rows,
    "storage": storage.rows,
    "years": years.rows,
    "lists": lists.rows,
    "visits": visits.rows,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"all unless named: {', '.join(ROWS)}")
    parser.add_argument("--quick", action="store_true", help="fewer deliveries and rounds")
    parser.add_argument("--large", action="store_true", help="ten million rows instead of one; takes long and 30 GB")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - ROWS.keys():
        parser.error(f"no measurement {', '.join(sorted(unknown))}; available: {', '.join(ROWS)}")
    hush()
    options = Options(quick=arguments.quick, large=arguments.large)
    print(f"{'what':<44} {'against':<34} {'ratio':>8}   {'reach':<10} {'absolute':>12}")
    for name in arguments.names or ROWS:
        for row in ROWS[name](options):
            print(row, flush=True)


if __name__ == "__main__":
    main()
