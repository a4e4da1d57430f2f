"""make bench: every row as a ratio taken in the same run, and the absolute for the record."""

from __future__ import annotations

import argparse
import logging
import os

import structlog

from bench import delivery, intake, matching, pages, render


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer deliveries and rounds")
    quick = parser.parse_args().quick
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    postgresql = os.environ.get("ANTAR_TEST_DATABASE_URL", "")
    brokers = tuple(url for url in os.environ.get("ANTAR_TEST_BROKER_URL", "").split(",") if url)
    count, rounds = (4_000, 3) if quick else (20_000, 5)
    print(f"{'what':<44} {'against':<34} {'ratio':>8}   {'reach':<10} {'absolute':>12}")
    for row in [
        *render.rows(),
        *delivery.rows(count, rounds, postgresql, brokers),
        *intake.rows(count // 2, rounds, postgresql),
        *matching.rows((20_000,) if quick else (20_000, 100_000), postgresql),
        *pages.rows(100_000 if quick else 1_000_000),
    ]:
        print(row, flush=True)


if __name__ == "__main__":
    main()
