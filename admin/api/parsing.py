"""From the bytes of a request to records: limits, JSON, NDJSON, and what JSON leaves open made an error."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from admin.api.errors import ApiError

RECORD_LIMIT = 5 * 1024 * 1024
"""Bytes of one record at most."""
REQUEST_LIMIT = 16 * 1024 * 1024
"""Bytes of one request at most."""
RECORDS_LIMIT = 5_000
"""Records of one request at most."""
UPLOAD_SECONDS = 60.0
"""Seconds that a request may take to arrive."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A line of an NDJSON body that is no JSON; the others may be good."""

    message: str


async def read_body(chunks: AsyncIterator[bytes], seconds: float = UPLOAD_SECONDS) -> bytes:
    """The whole body; beyond the limit it is read no further (413), too slow is 408."""
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(seconds):
            async for chunk in chunks:
                size += len(chunk)
                if size > REQUEST_LIMIT:
                    raise ApiError(413, "too_large", f"a request may have {REQUEST_LIMIT} bytes; send it in parts")
                parts.append(chunk)
    except TimeoutError as error:
        raise ApiError(408, "too_slow", f"the body did not arrive within {seconds:.0f} seconds") from error
    return b"".join(parts)


def parse(body: bytes, content_type: str) -> tuple[bool, Sequence[Any]]:
    """(whether it is a batch, its records). A record of a batch that cannot be read is Unreadable."""
    if content_type.partition(";")[0].strip().lower() in {"application/x-ndjson", "application/jsonl"}:
        return True, _limited([_line(line) for line in body.splitlines() if line.strip()])
    try:
        value = _loads(body)
    except _Refused as error:
        raise ApiError(400, "malformed_json", str(error)) from error
    if isinstance(value, list):
        return True, _limited(value)
    if len(body) > RECORD_LIMIT:
        raise ApiError(413, "too_large", f"a record may have {RECORD_LIMIT} bytes")
    return False, [value]


class _Refused(ValueError):
    """Text that is no JSON, or says a name twice."""


def _line(line: bytes) -> Any:
    if len(line) > RECORD_LIMIT:
        return Unreadable(f"a record may have {RECORD_LIMIT} bytes")
    try:
        return _loads(line)
    except _Refused as error:
        return Unreadable(str(error))


def _loads(text: bytes) -> Any:
    """The standard library's parser: it keeps large integers and can tell names that are said twice."""
    try:
        return json.loads(text.decode(), object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise _Refused(f"line {error.lineno}, column {error.colno}: {error.msg}") from error
    except UnicodeDecodeError as error:
        raise _Refused(f"byte {error.start}: the body must be UTF-8") from error
    except RecursionError as error:
        raise _Refused("it is nested too deeply") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in found if names.count(name) > 1)
        raise _Refused(f"the name {twice!r} stands twice in one object; only one value can be meant")
    return found


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _Refused(f"{text} is a number beyond what can be kept; send it as text")
    return value


def _no_constant(name: str) -> Any:
    raise _Refused(f"{name} is no JSON number")


def _limited(records: Sequence[Any]) -> Sequence[Any]:
    if len(records) > RECORDS_LIMIT:
        raise ApiError(413, "too_many", f"a request may have {RECORDS_LIMIT} records; send it in parts")
    return records
