"""HTTP to addresses that people enter: connects to the judged address, without redirect or proxy, to a size limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import httpx

from adapters.outbound.guard import (
    CONNECT_SECONDS,
    MAX_CONNECTS,
    AddressFault,
    AddressRefused,
    Resolve,
    allowed_addresses,
    check_url,
    host_of,
)
from adapters.outbound.networks import Address, Policy
from adapters.wire.httpx_wire import read_raw
from adapters.wire.own import tls_context


class RawAnswer(NamedTuple):
    """An answer as received, never decompressed."""

    status: int
    body: bytes
    cut: bool  # the body was longer than the limit; the rest was not read

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


class GuardedTransport(httpx.AsyncBaseTransport):
    """Resolves, judges and connects in one step, so that a name which resolves differently later has no effect.

    For one client and one request only: a kept connection would serve every name at its address.
    """

    def __init__(
        self, policy: Policy, resolve: Resolve | None = None, inner: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._policy = policy
        self._resolve = resolve
        self._inner = inner or httpx.AsyncHTTPTransport(
            verify=tls_context(), trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Raises AddressRefused, httpx.TransportError."""
        url = check_url(request.url, self._policy)
        port = url.port or (443 if url.scheme == "https" else 80)
        addresses = await allowed_addresses(host_of(url), port, self._policy, self._resolve)
        failure: httpx.TransportError = httpx.ConnectError("no address")
        for address in addresses[:MAX_CONNECTS]:
            try:
                return await self._inner.handle_async_request(_pinned(request, address))
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:  # no byte of the request has left
                failure = error
        raise failure

    async def aclose(self) -> None:
        await self._inner.aclose()


def guarded_client(
    policy: Policy, seconds: float, transport: httpx.AsyncBaseTransport | None = None
) -> httpx.AsyncClient:
    """Return a client for one request to an entered address; tests may pass another transport."""
    timeout = httpx.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS))
    return httpx.AsyncClient(transport=transport or GuardedTransport(policy), timeout=timeout, trust_env=False)


async def post(
    client: httpx.AsyncClient, url: str, content: bytes, headers: Mapping[str, str], limit: int
) -> RawAnswer:
    """Post and return at most `limit` bytes of the answer. Raises httpx.HTTPError, AddressRefused.

    The caller must limit the total time: httpx limits each read, not their sum.
    """
    headers = {**headers, "Accept-Encoding": "identity"}
    try:
        request = client.build_request("POST", url, content=content, headers=headers)
    except httpx.InvalidURL as error:
        raise AddressRefused(AddressFault.UNREADABLE) from error
    response = await client.send(request, stream=True, follow_redirects=False)
    try:
        return RawAnswer(response.status_code, *await read_raw(response, limit))
    finally:
        await response.aclose()


def _pinned(request: httpx.Request, address: Address) -> httpx.Request:
    """Return the request, directed to the address itself; Host and the certificate's name stay those of the URL."""
    name = host_of(request.url).rstrip(".")
    return httpx.Request(
        request.method,
        request.url.copy_with(host=str(address)),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": name},
    )
