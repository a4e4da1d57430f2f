"""Encryption of answers as BPJS does it: JSON, LZ-String, AES-256-CBC, base64."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import lzstring
import orjson
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7


def encrypt(content: Any, cons_id: str, secret: str, timestamp: str) -> str:
    """Return the text of `response`, for the request that carried this timestamp."""
    key = hashlib.sha256(f"{cons_id}{secret}{timestamp}".encode()).digest()
    compressed = lzstring.compress_to_encoded_uri_component(_units(orjson.dumps(content).decode()))
    padder = PKCS7(128).padder()
    padded = padder.update(compressed.encode("ascii")) + padder.finalize()
    sealing = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(sealing.update(padded) + sealing.finalize()).decode()


def _units(text: str) -> str:
    """Return one character per UTF-16 unit, the only characters that LZ-String knows."""
    units = text.encode("utf-16-le", "surrogatepass")
    return "".join(chr(int.from_bytes(units[at : at + 2], "little")) for at in range(0, len(units), 2))
