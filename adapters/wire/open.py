"""Opens the wire: our own lean one, or httpx's if the environment names a proxy."""

from __future__ import annotations

from urllib.request import getproxies_environment

import httpx

from adapters.wire.contract import Wire
from adapters.wire.httpx_wire import HttpxWire
from adapters.wire.own import LeanWire


def open_wire() -> Wire:
    """Return a wire for the running event loop; HTTPS_PROXY, HTTP_PROXY or ALL_PROXY (any case) selects httpx's."""
    if getproxies_environment().keys() & {"http", "https", "all"}:
        return HttpxWire(httpx.AsyncClient(limits=httpx.Limits(max_connections=512, keepalive_expiry=4.0)))
    return LeanWire()
