"""Bodies as they are stored: smaller, and the same again when they are read."""

from __future__ import annotations

import zlib

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.delivery.bodies import MARK, MIN_COMPRESSED_BYTES, packed, unpacked

TEXT = orjson.dumps({"resourceType": "Any", "alias": ["https://fhir.example/identifier"] * 20})


@given(st.binary(max_size=2 * MIN_COMPRESSED_BYTES), st.sampled_from([b"", MARK, MARK * 2, TEXT]))
def test_a_body_comes_back_as_it_was(rest: bytes, beginning: bytes) -> None:
    assert unpacked(packed(beginning + rest)) == beginning + rest


def test_a_large_body_takes_less_than_half() -> None:
    stored = packed(TEXT)
    assert stored is not None
    assert len(stored) < len(TEXT) / 2


def test_what_another_program_compressed_in_the_same_format_is_read() -> None:
    assert unpacked(MARK + zlib.compress(TEXT)) == TEXT


@pytest.mark.parametrize("body", [None, b"", b"{}", b"x" * (MIN_COMPRESSED_BYTES - 1)])
def test_what_would_gain_nothing_is_stored_as_it_is(body: bytes | None) -> None:
    assert packed(body) == body


@pytest.mark.parametrize("stored", [TEXT, b"<html>" * 100, b"\x78\x9c" + b"x" * 300, b"\x00" * 300])
def test_what_was_stored_before_is_read_as_it_is(stored: bytes) -> None:
    assert unpacked(stored) == stored
