"""Encrypted messages of the identity check: a message under a one-time AES key, which an RSA key wraps.

A message is base64 between two marks. Its bytes are the wrapped key (as long as the RSA key), a nonce of 12 bytes, and
the content by AES-256-GCM with its tag. Source: the Ministry's sample code.
"""

from __future__ import annotations

import base64
import binascii
import os

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

BEGIN, END = b"-----BEGIN ENCRYPTED MESSAGE-----", b"-----END ENCRYPTED MESSAGE-----"
AES_KEY_BYTES = 32
NONCE_BYTES = 12
RSA_KEY_BITS = 2048
LINE_CHARACTERS = 76

_OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


class EnvelopeError(Exception):
    """A message that is not encrypted like this, or not for this key."""


def new_key() -> rsa.RSAPrivateKey:
    """Return a key for the answer to one request. Takes some 100 ms of CPU."""
    return rsa.generate_private_key(public_exponent=65537, key_size=RSA_KEY_BITS)


def public_pem(key: rsa.RSAPrivateKey) -> str:
    """Return the public half of a key as PEM."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def read_public_key(pem: str) -> rsa.RSAPublicKey:
    """Return the RSA key of a PEM. Raises ValueError."""
    try:
        key = serialization.load_pem_public_key(pem.strip().encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("no public key in PEM") from error
    if not isinstance(key, rsa.RSAPublicKey):
        raise ValueError("no RSA key")
    return key


def seal(content: bytes, key: rsa.RSAPublicKey) -> bytes:
    """Return the message that only the owner of the key can open."""
    once, nonce = os.urandom(AES_KEY_BYTES), os.urandom(NONCE_BYTES)
    sealed = key.encrypt(once, _OAEP) + nonce + AESGCM(once).encrypt(nonce, content, None)
    text = base64.b64encode(sealed)
    lines = [text[at : at + LINE_CHARACTERS] for at in range(0, len(text), LINE_CHARACTERS)]
    return b"\r\n".join([BEGIN, *lines, END])


def unseal(message: bytes, key: rsa.RSAPrivateKey) -> bytes:
    """Return the content of a message. Raises EnvelopeError."""
    begin, end = message.find(BEGIN), message.rfind(END)
    if begin < 0 or end < begin:
        raise EnvelopeError("no encrypted message")
    try:
        sealed = base64.b64decode(b"".join(message[begin + len(BEGIN) : end].split()), validate=True)
        wrapped = key.key_size // 8
        once, nonce = key.decrypt(sealed[:wrapped], _OAEP), sealed[wrapped : wrapped + NONCE_BYTES]
        return AESGCM(once).decrypt(nonce, sealed[wrapped + NONCE_BYTES :], None)
    except (ValueError, binascii.Error, InvalidTag) as error:
        raise EnvelopeError(f"not encrypted for this key ({type(error).__name__})") from error
