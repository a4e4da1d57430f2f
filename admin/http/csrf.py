"""CSRF protection: refuses requests that another site makes a browser send, by the headers of the browser."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from admin.text.words import say

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
OWN_SITES = {"same-origin", "none"}  # Sec-Fetch-Site of a request from our own pages, or of a typed address
KEY_HEADERS = {b"authorization", b"x-api-key"}  # no other site can make a browser send these


class OriginGuard:
    """Passes unsafe requests of a browser only from our own pages, and every request with an API key in a header.

    Requests without a cookie are checked too: another site must not log a person in under a name of its own.
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
        acts = scope["method"] not in SAFE_METHODS or "/action/" in scope["path"] or scope["path"].endswith("/logout")
        headers = dict(scope["headers"])
        if not acts or headers.keys() & KEY_HEADERS:
            return False
        site = headers.get(b"sec-fetch-site", b"").decode("latin-1")
        if site:
            return site not in OWN_SITES
        if b"origin" not in headers:
            return b"cookie" in headers  # current browsers send one of the two headers with every unsafe request
        origin: str = headers[b"origin"].decode("latin-1")
        host: bytes = headers.get(b"host", b"")
        return origin.partition("://")[2] != host.decode("latin-1")
