"""Bodies of requests and answers as they are stored: compressed, because they are most of what a delivery takes."""

from __future__ import annotations

from isal import isal_zlib

MARK = b"\x00z1\x00"  # begins a compressed body; no JSON begins with it, and one that does is compressed itself
MIN_COMPRESSED_BYTES = 200  # less than this gains nothing
LEVEL = 1  # level 3 takes a quarter more time for 1 % less


def packed(body: bytes | None) -> bytes | None:
    """Return a body as it is stored."""
    if body is None or (len(body) < MIN_COMPRESSED_BYTES and not body.startswith(MARK)):
        return body
    return MARK + isal_zlib.compress(body, LEVEL)


def unpacked(stored: bytes | None) -> bytes | None:
    """Return a body as it was sent or received; bodies that were stored before they were compressed are as they are."""
    if stored is None or not stored.startswith(MARK):
        return stored
    return isal_zlib.decompress(stored[len(MARK) :])
