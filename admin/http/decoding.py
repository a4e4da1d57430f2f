"""Strict JSON decoder: equal names in an object and numbers that cannot be kept exactly are errors."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from engine.json_text import MAX_RECORD_VALUES, too_many_values

CERTAIN_DIGITS = 15  # significant digits that every 64-bit floating point number keeps (IEEE 754)
MAX_QUOTED_CHARS = 40  # of a refused number or name that the answer repeats
PLACE = "line {0.lineno}, column {0.colno}"
PLACE_IN_LINE = "column {0.colno}"


class Malformed(ValueError):
    """Text that is not JSON, or that names a member twice."""


class TooDeep(Malformed):
    """Text that is nested more deeply than can be read."""


class TooManyValues(Malformed):
    """Text with more values than a record may have."""


class RecordDecoder:
    """Decodes the records of one request, one at a time.

    The standard library's parser keeps large integers and sees equal names, but through slow calls of Python code.
    The number of values is therefore bounded for each record, and counted here: a record among others can be
    measured only by decoding it.
    """

    def __init__(self) -> None:
        self._values = 0
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._unique, parse_constant=_no_constant, parse_float=self._exact
        )

    def decode(self, text: str, place: str = PLACE) -> Any:
        """Return the only value of a text. Raise Malformed; the format `place` writes the position of the fault."""
        with _refusing(place):
            self._values = 0
            return self._decoder.decode(text)

    def decode_at(self, text: str, start: int) -> tuple[Any, int]:
        """Return the value that starts at a position, and the position behind it. Raise Malformed."""
        with _refusing(PLACE):
            self._values = 0
            return self._decoder.raw_decode(text, start)

    def _count(self, values: int) -> None:
        self._values += values
        if self._values > MAX_RECORD_VALUES:
            raise TooManyValues(too_many_values(self._values).replace("has", "has at least"))

    def _unique(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        self._count(len(pairs))
        members = dict(pairs)
        if len(members) < len(pairs):
            [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
            raise Malformed(
                f"the name {twice[:MAX_QUOTED_CHARS]!r} stands twice in one object; only one value can be meant"
            )
        return members

    def _exact(self, text: str) -> float:
        """Return the number; raise Malformed if 64 bits would alter it."""
        # 0.30000000000000000001 must not silently become 0.3.
        self._count(1)
        value = float(text)
        certain = repr(value) == text or (len(text) <= CERTAIN_DIGITS and "e" not in text.lower())
        if not certain and (not math.isfinite(value) or Decimal(text) != Decimal(repr(value))):
            raise Malformed(f"{text[:MAX_QUOTED_CHARS]} is a number beyond what can be kept exactly; send it as text")
        return value


def text_of(body: bytes | bytearray) -> str:
    """Return the text of UTF-8 bytes. Raise Malformed."""
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise Malformed(f"byte {error.start}: the body must be UTF-8") from error


def expected(what: str, text: str, position: int) -> Malformed:
    """Return the error for a text that has something else than `what` at a position."""
    error = json.JSONDecodeError(f"Expecting {what}", text, position)
    return Malformed(f"{PLACE.format(error)}: {error.msg}")


@contextmanager
def _refusing(place: str) -> Iterator[None]:
    try:
        yield
    except Malformed:
        raise
    except json.JSONDecodeError as error:
        raise Malformed(f"{place.format(error)}: {error.msg}") from error
    except RecursionError as error:
        raise TooDeep("it is nested too deeply") from error
    except ValueError as error:  # of int(): more digits than Python is ready to read
        raise Malformed("a number has thousands of digits; send it as text") from error


def _no_constant(name: str) -> Any:
    raise Malformed(f"{name} is no JSON number")
