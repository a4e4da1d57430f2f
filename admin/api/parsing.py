"""From the bytes of a request to records: limits, JSON, NDJSON, and what JSON leaves open made an error."""

from __future__ import annotations

import asyncio
import io
import json
import math
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Any

import orjson
from litestar.exceptions import InternalServerException

from admin.api.errors import ApiError

RECORD_LIMIT = 5 * 1024 * 1024
"""Bytes of one record at most."""
REQUEST_LIMIT = 16 * 1024 * 1024
"""Bytes of one request at most."""
RECORDS_LIMIT = 5_000
"""Records of one request at most."""
UPLOAD_SECONDS = 60.0
"""Seconds that a request may take to arrive."""
CERTAIN_DIGITS = 15
"""Significant digits that every 64-bit floating point number keeps (IEEE 754)."""
SHOWN = 40
"""Characters of a refused number or name that the answer repeats."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that is no JSON, too deep or too large; the others of its batch may be good."""

    message: str


async def read_body(chunks: AsyncIterator[bytes], seconds: float = UPLOAD_SECONDS) -> bytearray:
    """The whole body; beyond the limit it is read no further (413), too slow is 408, broken off 400."""
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in chunks:
                body += chunk
                if len(body) > REQUEST_LIMIT:
                    raise ApiError(413, "too_large", f"a request may have {REQUEST_LIMIT} bytes; send it in parts")
    except TimeoutError as error:
        raise ApiError(408, "too_slow", f"the body did not arrive within {seconds:.0f} seconds") from error
    except InternalServerException as error:  # Litestar's word for a client that has gone; it is no fault of ours
        raise ApiError(400, "broken_off", "the connection ended before the body did") from error
    return body


def parse(body: bytes | bytearray, content_type: str) -> tuple[bool, list[Any]]:
    """(whether it is a batch, its records). A record of a batch that cannot be read is Unreadable."""
    if content_type.partition(";")[0].strip().lower() in {"application/x-ndjson", "application/jsonl"}:
        return True, [_line(number, line) for number, line in _limited(list(islice(_lines(body), RECORDS_LIMIT + 1)))]
    large = len(body) > RECORD_LIMIT
    if large and not body.lstrip().startswith(b"["):
        raise ApiError(413, "too_large", _TOO_LARGE.format(RECORD_LIMIT))
    try:
        value = _loads(body)
    except _TooDeep as error:
        return False, [Unreadable(str(error))]
    except _Refused as error:
        raise ApiError(400, "malformed_json", str(error)) from error
    if not isinstance(value, list):
        return False, [value]
    return True, [_measured(record) for record in _limited(value)] if large else _limited(value)


def _lines(body: bytes | bytearray) -> Iterator[tuple[int, bytes]]:
    """(number in the body, line) of those that are not blank."""
    return ((number, line) for number, line in enumerate(io.BytesIO(body), 1) if line.strip())


class _Refused(ValueError):
    """Text that is no JSON, or says a name twice."""


class _TooDeep(_Refused):
    """It may well be JSON, but nobody can read it to the end."""


_TOO_LARGE = "a record may have {} bytes"
_PLACE = "line {0.lineno}, column {0.colno}"
_PLACE_IN_LINE = "column {0.colno}"


def _line(number: int, line: bytes) -> Any:
    if len(line) > RECORD_LIMIT:
        return Unreadable(f"line {number}, {_TOO_LARGE.format(RECORD_LIMIT)}")
    try:
        return _loads(line, _PLACE_IN_LINE)
    except _Refused as error:
        return Unreadable(f"line {number}, {error}")


def _measured(record: Any) -> Any:
    """An element of a large array; what cannot be serialised is named by the intake."""
    try:
        size = len(orjson.dumps(record))
    except orjson.JSONEncodeError:
        return record
    return Unreadable(_TOO_LARGE.format(RECORD_LIMIT)) if size > RECORD_LIMIT else record


def _loads(text: bytes | bytearray, place: str = _PLACE) -> Any:
    """The standard library's parser: it keeps large integers and can tell names that are said twice."""
    try:
        return json.loads(text.decode(), object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_exact)
    except _Refused:
        raise
    except json.JSONDecodeError as error:
        raise _Refused(f"{place.format(error)}: {error.msg}") from error
    except UnicodeDecodeError as error:
        raise _Refused(f"byte {error.start}: the body must be UTF-8") from error
    except RecursionError as error:
        raise _TooDeep("it is nested too deeply") from error
    except ValueError as error:  # of int(): more digits than Python is ready to read
        raise _Refused("a number has thousands of digits; send it as text") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise _Refused(f"the name {twice[:SHOWN]!r} stands twice in one object; only one value can be meant")
    return found


def _exact(text: str) -> float:
    """Refuses what a 64-bit number would alter: 0.30000000000000000001 must not become 0.3 behind the HIS's back."""
    value = float(text)
    certain = len(text) <= CERTAIN_DIGITS and "e" not in text.lower()
    if not certain and (not math.isfinite(value) or Decimal(text) != Decimal(repr(value))):
        raise _Refused(f"{text[:SHOWN]} is a number beyond what can be kept exactly; send it as text")
    return value


def _no_constant(name: str) -> Any:
    raise _Refused(f"{name} is no JSON number")


def _limited(records: list[Any]) -> list[Any]:
    if len(records) > RECORDS_LIMIT:
        raise ApiError(413, "too_many", f"a request may have {RECORDS_LIMIT} records; send it in parts")
    return records
