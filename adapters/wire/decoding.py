"""Decodes Content-Encoding up to a size limit: a small answer that decompresses to gigabytes is cut."""

from __future__ import annotations

import zlib

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_RAW_DEFLATE = -zlib.MAX_WBITS


def decode(body: bytes, encoding: bytes, limit: int) -> tuple[bytes, bool]:
    """Return the decoded body and whether it was cut. A body that cannot be decoded is returned unchanged."""
    name = encoding.strip().lower()
    if name in {b"gzip", b"x-gzip"}:
        return _inflate(body, _GZIP_OR_ZLIB, limit) or (body, False)
    if name == b"deflate":  # RFC 9110 means zlib, some servers send raw deflate
        return _inflate(body, _GZIP_OR_ZLIB, limit) or _inflate(body, _RAW_DEFLATE, limit) or (body, False)
    return body, False


def _inflate(body: bytes, window: int, limit: int) -> tuple[bytes, bool] | None:
    unpacker = zlib.decompressobj(window)
    try:
        plain = unpacker.decompress(body, limit + 1)
    except zlib.error:
        return None
    return plain[:limit], len(plain) > limit
