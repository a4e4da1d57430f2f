"""Decrypts BPJS's answers: JSON, compressed with LZ-String, then encrypted with AES-256-CBC and encoded in base64.

The key is the SHA-256 of cons_id, secret key and timestamp of the request; its first 16 bytes are the IV.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

import lzstring
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7


def decrypt(wrapped: str, cons_id: str, secret: str, timestamp: str) -> str:
    """Return the JSON text. `timestamp` is the timestamp of the request that was answered.

    Raises ValueError if the text is not encrypted like this or with another key. A wrong key leaves valid padding about
    once in 250 tries, so every layer is checked.
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
    """Join surrogate pairs: LZ-String counts UTF-16 units, so characters beyond the first plane come in two halves."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
