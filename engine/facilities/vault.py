"""Encryption of stored secrets with Fernet; older keys can still be read, so that a key can be rotated."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from engine.errors import SettingsError, VaultError


class Vault:
    """Encrypts and decrypts small mappings of text."""

    def __init__(self, keys: Sequence[str]) -> None:
        try:
            self._fernet = MultiFernet([Fernet(key) for key in keys])
        except ValueError as error:
            raise SettingsError(
                "ANTAR_SECRET_KEY is no Fernet key (32 bytes, urlsafe base64); make one with `antar key secret`"
            ) from error
        self._hash_keys = [hashlib.sha256(f"number of a patient {key}".encode()).digest() for key in keys]

    def seal(self, secrets: Mapping[str, str]) -> bytes:
        """Encrypt with the newest key."""
        return self._fernet.encrypt(orjson.dumps(dict(secrets)))

    def open(self, sealed: bytes) -> dict[str, str]:
        """Decrypt with the key that fits; raises VaultError if none does."""
        try:
            opened: dict[str, str] = orjson.loads(self._fernet.decrypt(sealed))
        except InvalidToken as error:
            raise VaultError(
                "a stored secret cannot be opened with ANTAR_SECRET_KEY; append the key it was sealed with"
            ) from error
        return opened

    def number_hash(self, facility_id: int, number: str) -> str:
        """Return the keyed hash by which a number of a patient is stored and found, made with the newest key."""
        return self.number_hashes(facility_id, number)[0]

    def number_hashes(self, facility_id: int, number: str) -> list[str]:
        """Return the hash with each key, the newest first: what an older key has stored is found too."""
        text = f"{facility_id}/{''.join(number.split()).casefold()}".encode()
        return [hashlib.blake2b(text, key=key, digest_size=16).hexdigest() for key in self._hash_keys]


def new_key() -> str:
    """Return a new key for ANTAR_SECRET_KEY."""
    return Fernet.generate_key().decode()
