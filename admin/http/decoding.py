"""Decodes one JSON value; what JSON leaves open (equal names, inexact numbers) is an error."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from engine.json_text import MAX_RECORD_VALUES, too_many_values

CERTAIN_DIGITS = 15
"""Significant digits that every 64-bit floating point number keeps (IEEE 754)."""
SHOWN = 40
"""Characters of a refused number or name that the answer repeats."""
PLACE = "line {0.lineno}, column {0.colno}"
PLACE_IN_LINE = "column {0.colno}"


class Malformed(ValueError):
    """Text that is no JSON, or names the same member twice."""


class TooDeep(Malformed):
    """It may well be JSON, but it nests deeper than can be read."""


class TooManyValues(Malformed):
    """It has more values than a record may have."""


class RecordDecoder:
    """Decodes the records of one request, one at a time.

    The standard library's parser keeps large integers and can see equal names, by calls of Python that are slow:
    their number is bounded for each record, as a record among others is measured only by decoding it.
    """

    def __init__(self) -> None:
        self._values = 0
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._unique, parse_constant=_no_constant, parse_float=self._exact
        )

    def decode(self, text: str, place: str = PLACE) -> Any:
        """The only value of a text. Raises Malformed, with the place as `place` writes it."""
        with _refusing(place):
            self._values = 0
            return self._decoder.decode(text)

    def decode_at(self, text: str, start: int) -> tuple[Any, int]:
        """The value that starts at a position, and the position behind it. Raises Malformed."""
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
            raise Malformed(f"the name {twice[:SHOWN]!r} stands twice in one object; only one value can be meant")
        return members

    def _exact(self, text: str) -> float:
        """Refuses what a 64-bit number would alter: 0.30000000000000000001 must not silently become 0.3."""
        self._count(1)
        value = float(text)
        certain = repr(value) == text or (len(text) <= CERTAIN_DIGITS and "e" not in text.lower())
        if not certain and (not math.isfinite(value) or Decimal(text) != Decimal(repr(value))):
            raise Malformed(f"{text[:SHOWN]} is a number beyond what can be kept exactly; send it as text")
        return value


def text_of(body: bytes | bytearray) -> str:
    """The text of UTF-8 bytes. Raises Malformed."""
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise Malformed(f"byte {error.start}: the body must be UTF-8") from error


def expected(what: str, text: str, position: int) -> Malformed:
    """The error of a text that goes on with something else at a position."""
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
