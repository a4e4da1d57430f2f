"""Server time of the pages that are open all day, among the deliveries of years against among few."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

import httpx

from bench.many import DAYS, spread
from bench.options import Options
from bench.pages import person, seconds
from bench.places import FAILED, SENT
from bench.rows import Row
from bench.site import Installation, site

FEW = 10_000
TRIES = 40
BOUND_MS = 60.0  # reached by 19 of 20 answers
FAILING = 50  # one delivery of this many has failed
MIDDLE = f"SELECT date, id FROM deliveries WHERE spec = ? AND date < date('now', '-{DAYS // 2} days') LIMIT 1"


def rows(options: Options) -> Iterator[Row]:
    """Yield two rows per page: the median against that among few, and the p95 against the bound."""
    many = options.many
    with TemporaryDirectory() as folder, site(Path(folder)) as panel:
        panel.play()
        _grow(panel, 0, FEW)
        pages = _pages(panel)
        with closing(person(panel)) as client:
            few = {name: _milliseconds(client, address) for name, address in pages.items()}
            _grow(panel, FEW, many)
            for name, address in pages.items():
                spent = _milliseconds(client, address)
                ratio = median(spent) / median(few[name])
                yield Row(f"{name}, {many:,}", f"among {FEW:,}", ratio, "<= 1.5", median(spent), "ms")
                slow = quantiles(spent, n=20)[-1]
                yield Row(f"{name}, {many:,}, p95", f"{BOUND_MS:.0f} ms", slow / BOUND_MS, "<= 1", slow, "ms")


def _grow(panel: Installation, before: int, many: int) -> None:
    """Add the deliveries from number `before` to `many`; one in FAILING of them has failed."""
    for query, part in ((SENT, FAILING - 1), (FAILED, 1)):
        [(_, id_)] = panel.rows(query)
        spread(panel.database, id_, before * part // FAILING + 1, many * part // FAILING)


def _pages(panel: Installation) -> dict[str, str]:
    """Return name -> address."""
    [(spec, id_)] = panel.rows(SENT)
    [(date, middle)] = panel.rows(MIDDLE, spec)
    here = f"/integrasi/satusehat/{spec}"
    return {
        "dashboard": "/integrasi/satusehat",
        "list": here,
        "deep page": f"{here}?after={date}.{middle}",
        "search by Norm": f"{here}?text=lama-000123",
        "drawer": f"{here}?buka={id_}",
    }


def _milliseconds(client: httpx.Client, address: str) -> list[float]:
    return [1e3 * spent for spent in seconds(client, address, TRIES)]
