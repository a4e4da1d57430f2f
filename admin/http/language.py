"""Which language the panel speaks: what a cookie says, Indonesian otherwise."""

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
YEAR = 365 * 86_400
"""Seconds."""
_ADDRESS = re.compile(r"https?://[^/]+(/(?![/\\])[\x21-\x7e]*)")
"""What follows the host: `//elsewhere` would lead away, control characters would end the header."""


class Language:
    """Everything that is said while a request is answered is said in the language of its cookie."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        wanted = HTTPConnection(scope).cookies.get(COOKIE, "") if scope["type"] == "http" else ""
        with speaking(wanted):
            await self._app(scope, receive, send)


@post("/language", opt={"right": Right.OPEN}, status_code=303, request_max_body_size=1024)
async def choose(request: Request[Any, Any, Any], data: URLEncodedBody[dict[str, str] | None] = None) -> Redirect:
    """Remember the language and go back to the page that asked."""
    chosen = (data or {}).get("language", "")
    cookie = Cookie(COOKIE, value=chosen if chosen in LANGUAGES else "id", max_age=YEAR, httponly=True)
    return Redirect(back(request.headers.get("referer", "")), status_code=303, cookies=[cookie])


def back(referer: str) -> str:
    """The way to the page of ours that asked."""
    found = _ADDRESS.fullmatch(referer)
    return found[1] if found else "/"
