"""Reads request bodies into records: limits, JSON and NDJSON. Long bodies are decoded in slices of time."""

from __future__ import annotations

import asyncio
import io
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from litestar.exceptions import InternalServerException

from admin.http.api_errors import ApiError
from admin.http.decoding import PLACE_IN_LINE, Malformed, RecordDecoder, TooDeep, TooManyValues, expected, text_of
from engine.json_size import BLOCK_BYTES, ValueCounter
from engine.json_text import oversized
from engine.time_slice import TimeSlice

MAX_REQUEST_BYTES = 16 * 1024 * 1024
MAX_REQUEST_VALUES = 250_000  # objects, arrays and their contents; decoded, each takes up to 250 bytes of memory
MAX_RECORDS = 5_000
MAX_LINES = 10 * MAX_RECORDS  # of NDJSON, including blank lines
# A request may take this long to arrive; admin.http.connections ends it sooner if almost nothing arrives.
UPLOAD_SECONDS = 600.0
_NDJSON = {"application/x-ndjson", "application/jsonl"}
_SPACE = re.compile(r"[ \t\n\r]*")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that is not JSON, nested too deeply or too large. Other records of its batch may be good."""

    message: str


async def read_body(
    chunks: AsyncIterator[bytes],
    reserve: Callable[[int], None] = lambda count: None,
    *,
    seconds: float = UPLOAD_SECONDS,
    max_bytes: int = MAX_REQUEST_BYTES,
) -> bytearray:
    """Return the whole body. Raise ApiError: 413 beyond a limit, 408 if it is too slow, 400 if it breaks off.

    `reserve` is called with the bytes of each chunk, and raises if there is no room for them.
    """
    body, counter, time_slice = bytearray(), ValueCounter(), TimeSlice()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in chunks:
                reserve(len(chunk))
                body += chunk
                if len(body) > max_bytes:
                    raise ApiError(413, "too_large", f"a request may have {max_bytes} bytes; send it in parts")
                for start in range(0, len(chunk), BLOCK_BYTES):
                    counter.feed(chunk[start : start + BLOCK_BYTES])
                    await time_slice.pause()
                if counter.values > MAX_REQUEST_VALUES:
                    raise ApiError(413, "too_many_values", _TOO_MANY_VALUES.format(MAX_REQUEST_VALUES))
    except TimeoutError as error:
        raise ApiError(408, "too_slow", f"the body did not arrive within {seconds:.0f} seconds") from error
    except InternalServerException as error:  # raised by Litestar when the client has gone
        raise ApiError(400, "broken_off", "the connection ended before the body did") from error
    return body


_TOO_MANY_VALUES = "a request may have {} JSON values (objects, arrays and what they hold); send it in parts"


async def parse(body: bytes | bytearray, content_type: str) -> tuple[bool, list[Any]]:
    """Return (is it a batch, its records). A record of a batch that cannot be read is an Unreadable."""
    if content_type.partition(";")[0].strip().lower() in _NDJSON:
        return True, await _lines(body)
    is_batch = body.lstrip().startswith(b"[")
    if not is_batch and (oversize := oversized(body)):
        raise ApiError(413, "too_large", oversize)
    try:
        text, decoder = text_of(body), RecordDecoder()
        return (True, await _elements(decoder, text)) if is_batch else (False, [decoder.decode(text)])
    except TooDeep as error:
        return False, [Unreadable(str(error))]
    except TooManyValues as error:
        raise ApiError(413, "too_large", str(error)) from error
    except Malformed as error:
        raise ApiError(400, "malformed_json", str(error)) from error


async def _lines(body: bytes | bytearray) -> list[Any]:
    """Return the records of NDJSON."""
    records: list[Any] = []
    decoder, time_slice = RecordDecoder(), TimeSlice()
    for number, line in enumerate(io.BytesIO(body), 1):
        await time_slice.pause()
        if number > MAX_LINES:
            raise ApiError(413, "too_many", f"a request may have {MAX_LINES} lines; send it in parts")
        if line.strip():
            records.append(_line(decoder, number, line))
            _limit(records)
    return records


def _line(decoder: RecordDecoder, number: int, line: bytes) -> Any:
    if oversize := oversized(line):
        return Unreadable(f"line {number}, {oversize}")
    try:
        return decoder.decode(text_of(line), PLACE_IN_LINE)
    except Malformed as error:
        return Unreadable(f"line {number}, {error}")


async def _elements(decoder: RecordDecoder, text: str) -> list[Any]:
    """Return the records of an array, decoded one by one. Raise Malformed."""
    records: list[Any] = []
    time_slice = TimeSlice()
    position = _after_space(text, _after_space(text, 0) + 1)
    if text[position : position + 1] != "]":
        while True:
            await time_slice.pause()
            record, position = decoder.decode_at(text, position)
            records.append(record)
            _limit(records)
            position = _after_space(text, position)
            if text[position : position + 1] != ",":
                break
            position = _after_space(text, position + 1)
    if text[position : position + 1] != "]":
        raise expected("',' delimiter", text, position)
    if (end := _after_space(text, position + 1)) != len(text):
        raise expected("the end", text, end)
    return records


def _after_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _limit(records: list[Any]) -> None:
    if len(records) > MAX_RECORDS:
        raise ApiError(413, "too_many", f"a request may have {MAX_RECORDS} records; send it in parts")
