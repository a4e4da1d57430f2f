"""Language of the panel: taken from a cookie, Indonesian by default."""

from __future__ import annotations

import re
from typing import Any

from litestar import Request, post
from litestar.datastructures import Cookie
from litestar.params import URLEncodedBody
from litestar.response import Redirect
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from admin.http.access import Right
from admin.text.words import LANGUAGES, speaking

COOKIE = "antar_language"
COOKIE_SECONDS = 365 * 86_400
# Group 1 is the path after the host. `//elsewhere` would lead to another site, control characters would end the header.
_ADDRESS = re.compile(r"https?://[^/]+(/(?![/\\])[\x21-\x7e]*)")


class Language:
    """Answers each request in the language of its cookie."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        code = HTTPConnection(scope).cookies.get(COOKIE, "") if scope["type"] == "http" else ""
        with speaking(code):
            await self._app(scope, receive, send)


@post("/language", opt={"right": Right.OPEN}, status_code=303, request_max_body_size=1024)
async def choose(request: Request[Any, Any, Any], data: URLEncodedBody[dict[str, str] | None] = None) -> Redirect:
    """Store the language in the cookie and redirect to the page where it was chosen."""
    chosen = (data or {}).get("language", "")
    cookie = Cookie(COOKIE, value=chosen if chosen in LANGUAGES else "id", max_age=COOKIE_SECONDS, httponly=True)
    return Redirect(back(request.headers.get("referer", "")), status_code=303, cookies=[cookie])


def back(referer: str) -> str:
    """Return the path of the referring page, without its host."""
    address = _ADDRESS.fullmatch(referer)
    return address[1] if address else "/"
