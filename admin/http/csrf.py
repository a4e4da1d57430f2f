"""Refuses requests that another site makes a browser send (CSRF), by where the browser says they come from."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from admin.text.words import say

SAFE = {"GET", "HEAD", "OPTIONS"}
OWN = {"same-origin", "none"}
"""Values of Sec-Fetch-Site of a request that the person started on our own pages or by hand."""

KEYS = {b"authorization", b"x-api-key"}
"""Headers that no other site can make a browser send: such a request stands for itself."""


class OriginGuard:
    """Lets unsafe requests of a browser pass only from our own pages; API keys travel in a header and may pass.

    Without a cookie too: another site must not log a person in under a name of its own.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._is_foreign(scope):
            await send(
                {
                    "type": "http.response.start",
                    "status": 403,
                    "headers": [(b"content-type", b"text/plain; charset=utf-8")],
                }
            )
            await send({"type": "http.response.body", "body": say("error.foreign").encode()})
            return
        await self._app(scope, receive, send)

    @staticmethod
    def _is_foreign(scope: Scope) -> bool:
        acts = scope["method"] not in SAFE or "/action/" in scope["path"] or scope["path"].endswith("/logout")
        headers = dict(scope["headers"])
        if not acts or headers.keys() & KEYS:
            return False
        site = headers.get(b"sec-fetch-site", b"").decode("latin-1")
        if site:
            return site not in OWN
        if b"origin" not in headers:
            return b"cookie" in headers  # every browser of today says one of the two with an unsafe request
        origin: str = headers[b"origin"].decode("latin-1")
        host: bytes = headers.get(b"host", b"")
        return origin.partition("://")[2] != host.decode("latin-1")
