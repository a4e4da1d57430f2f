"""Answers of the control API."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.responses import Response


def reply(content: Any, status: int = 200) -> Response:
    """Return content as indented JSON, for people with curl."""
    body = orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    return Response(body, status, media_type="application/json")


def refusal(reason: str, status: int = 422) -> Response:
    return reply({"error": reason}, status)
