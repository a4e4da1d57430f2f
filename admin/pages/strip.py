"""The strip of facts that stands on every page, anew."""

from __future__ import annotations

from typing import Any

from litestar import Request, get
from litestar.params import FromPath
from litestar.response import Template

from admin.access import Right
from admin.pages.frame import frame


@get("/strip/{upstream:str}", opt={"right": Right.PERSON, "live": True}, include_in_schema=False)
async def live_strip(request: Request[Any, Any, Any], upstream: FromPath[str]) -> Template:
    """What every page asks for every few seconds."""
    return Template("strip.html", context={"frame": await frame(request, upstream)})
