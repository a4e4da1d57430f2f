"""What BPJS wraps its answers in: AES-256-CBC around LZ-String around JSON (reference bpjs 2)."""

from __future__ import annotations

import base64
import binascii
import hashlib

import lzstring
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7


def decrypt(wrapped: str, cons_id: str, secret: str, timestamp: str) -> str:
    """The JSON text inside. `timestamp` is the one sent with the request that was answered.

    Raises ValueError where the text was not wrapped so, or under another key: a wrong key leaves valid padding once in
    some 250 tries, so that each layer is looked at.
    """
    key = hashlib.sha256(f"{cons_id}{secret}{timestamp}".encode()).digest()
    try:
        sealed = base64.b64decode(wrapped, validate=True)
        opened = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
        unpadder = PKCS7(128).unpadder()
        compressed = unpadder.update(opened.update(sealed) + opened.finalize()) + unpadder.finalize()
        text = lzstring.decompress_from_encoded_uri_component(compressed.decode("ascii"))
    except (ValueError, binascii.Error, LookupError, TypeError) as error:
        raise ValueError(f"not encrypted for this request ({type(error).__name__})") from error
    if not text:
        raise ValueError("not encrypted for this request (nothing inside)")
    return _whole(text)


def _whole(text: str) -> str:
    """LZ-String counts UTF-16 units: what lies beyond the first plane comes in two halves."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
