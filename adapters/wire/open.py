"""Which wire to use: the lean one, unless the environment names a proxy."""

from __future__ import annotations

from urllib.request import getproxies_environment

import httpx

from adapters.wire.contract import Wire
from adapters.wire.httpx_wire import StockWire
from adapters.wire.own import LeanWire


def open_wire() -> Wire:
    """A wire for the running event loop. HTTPS_PROXY, HTTP_PROXY and ALL_PROXY (either case) call for httpx's own."""
    if getproxies_environment().keys() & {"http", "https", "all"}:
        return StockWire(httpx.AsyncClient(limits=httpx.Limits(max_connections=512, keepalive_expiry=4.0)))
    return LeanWire()
