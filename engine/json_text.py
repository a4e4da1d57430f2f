"""Records as JSON text: a record that cannot be stored exactly as it is, is refused rather than altered."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

import orjson

from adapters.base import Problem
from engine.json_size import count_values

_NUL = b"\\u0000"
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
MIN_INTEGER, MAX_INTEGER = -(2**63), 2**64 - 1  # the range that orjson reads and writes
MAX_LEVELS = 100  # of nesting in a record
# Pages that show a record process all of its text, at about 100 ns a byte.
MAX_RECORD_BYTES = 1024 * 1024
# Objects, arrays and their members. Each value costs time and memory in every step, even a short one.
MAX_RECORD_VALUES = 20_000
# Problems of one record that are reported; the others appear when these are fixed.
MAX_PROBLEMS = 10
MAX_PROBLEM_CHARACTERS = 400  # of a message, and of a path: both may quote the record


def serialise(record: Any) -> str | tuple[Problem, ...]:
    """Return the record as JSON text, or the problems that prevent storing it, each with its path."""
    try:
        text = orjson.dumps(record)
    except orjson.JSONEncodeError:
        text = b""
    if oversize := oversized(text):
        return (Problem("$", oversize),)
    if text and _NUL not in text:
        return text.decode()
    problems = tuple(islice(_problems(record, "$", MAX_LEVELS), MAX_PROBLEMS))
    return problems or text.decode()  # a text may contain the six characters \u0000 literally


def oversized(text: bytes | bytearray) -> str:
    """Return the limit that a record's JSON text exceeds, with its present size; empty if it fits."""
    if len(text) > MAX_RECORD_BYTES:
        return f"a record may have {MAX_RECORD_BYTES} bytes, this one has {len(text)}"
    # Each value takes at least two bytes, its separator included.
    values = count_values(text) if len(text) > 2 * MAX_RECORD_VALUES else 0
    return too_many_values(values) if values > MAX_RECORD_VALUES else ""


def too_many_values(values: int) -> str:
    """Return the message for a record with too many values."""
    return f"a record may have {MAX_RECORD_VALUES} values (objects, arrays and what they hold), this one has {values}"


def shortened(text: str, limit: int = MAX_PROBLEM_CHARACTERS) -> str:
    """Cut a text to `limit` characters; the middle is removed, because a message names the error at its end."""
    end = limit // 3
    return text if len(text) <= limit else f"{text[: limit - end - 1]}…{text[-end:]}"


def content_hash(record: Any) -> str:
    """Return a hash of 32 hex digits that does not depend on the order of names."""
    return hashlib.blake2b(orjson.dumps(record, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def _problems(value: Any, path: str, levels: int) -> Iterator[Problem]:
    if isinstance(value, str):
        yield from _text_problems(value, path)
    elif isinstance(value, int) and not MIN_INTEGER <= value <= MAX_INTEGER:
        yield Problem(path, "is a number beyond 64 bits; send it as text")
    elif isinstance(value, (dict, list)) and not levels:
        yield Problem(path, f"is nested more than {MAX_LEVELS} levels deep")
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _text_problems(name, path)
            yield from _problems(item, f"{path}.{name}", levels - 1)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _problems(item, f"{path}[{index}]", levels - 1)


def _text_problems(text: str, path: str) -> Iterator[Problem]:
    if "\x00" in text:
        yield Problem(path, "contains the character NUL (U+0000), which cannot be stored; remove it")
    if _LONE_SURROGATE.search(text):
        yield Problem(path, "contains half of a surrogate pair; write the whole character")


def short_hash(value: Any) -> str:
    """Return a hash of 16 hex digits that does not depend on the order of names."""
    return hashlib.blake2b(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), digest_size=8).hexdigest()
