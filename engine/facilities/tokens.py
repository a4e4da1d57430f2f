"""Bearer tokens, sealed in the database, so that all processes share a token and only one of them renews it.

A token, its lease and a refusal belong to the credentials that the token was requested with: with an account whose
credentials have been replaced nothing is loaded, leased or stored.
"""

from __future__ import annotations

from typing import NamedTuple

from adapters.base import Account, StoredToken
from adapters.messages import message
from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction
from engine.errors import VaultError
from engine.facilities.facilities import NOT_ENTERED, is_current
from engine.facilities.vault import Vault


class DatabaseTokens:
    """Implements adapters.base.TokenStore on the table `tokens`."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def load(self, account: Account, upstream: str) -> StoredToken:
        names = {"facility": account.facility_id, "upstream": upstream}
        [row] = await self._database.fetch(_LOAD, names)
        if row.version != account.version:
            return StoredToken(refused_at=self._database.clock() / 1000, refusal=_REPLACED)
        return StoredToken(self._open(row.sealed), row.expires_at / 1000, row.refused_at / 1000, row.refusal)

    def _open(self, sealed: bytes | None) -> str:
        try:
            return self._vault.open(sealed)["token"] if sealed else ""
        except VaultError:  # sealed with a key that has been removed: a new token is requested
            return ""

    async def lease(self, account: Account, upstream: str, seconds: float) -> bool:
        now = self._database.clock()
        key = {"facility": account.facility_id, "upstream": upstream}

        async def take(tx: Transaction) -> bool:
            if not await is_current(tx, account.facility_id, upstream, account.version):
                return False
            await tx.execute(_PRESENT, key)
            until = now + int(seconds * 1000)
            return await tx.execute(_TAKE, {**key, "now": now, "until": until}) == 1

        return await self._database.write(take)

    async def save(self, account: Account, upstream: str, token: StoredToken) -> None:
        values = {
            "facility": account.facility_id,
            "upstream": upstream,
            "sealed": self._vault.seal({"token": token.value}) if token.value else None,
            "expires_at": int(token.expires_at * 1000),
            "refused_at": int(token.refused_at * 1000),
            "refusal": token.refusal,
        }

        async def write(tx: Transaction) -> None:
            if await is_current(tx, account.facility_id, upstream, account.version):
                await tx.execute(_SAVE, values)

        await self._database.write(write)


class _Loaded(NamedTuple):
    """The version of the credentials, and the token; zeros and an empty text if there is none."""

    version: int
    sealed: bytes | None
    expires_at: int
    refused_at: int
    refusal: str


_LOAD = Statement(
    f"""
SELECT COALESCE(c.version, {NOT_ENTERED}) AS version, t.sealed, COALESCE(t.expires_at, 0) AS expires_at,
  COALESCE(t.refused_at, 0) AS refused_at, COALESCE(t.refusal, '') AS refusal
FROM facilities AS f
LEFT JOIN credentials AS c ON c.facility_id = f.id AND c.upstream = :upstream
LEFT JOIN tokens AS t ON t.facility_id = f.id AND t.upstream = :upstream
WHERE f.id = :facility
""",
    _Loaded,
)
_PRESENT = Command(
    """
INSERT INTO tokens (facility_id, upstream, expires_at, refused_at, refusal, lease_until)
VALUES (:facility, :upstream, 0, 0, '', 0) ON CONFLICT DO NOTHING
"""
)
_SAVE = Command(
    """
INSERT INTO tokens (facility_id, upstream, sealed, expires_at, refused_at, refusal, lease_until)
VALUES (:facility, :upstream, :sealed, :expires_at, :refused_at, :refusal, 0)
ON CONFLICT (facility_id, upstream) DO UPDATE SET sealed = excluded.sealed, expires_at = excluded.expires_at,
  refused_at = excluded.refused_at, refusal = excluded.refusal, lease_until = excluded.lease_until
"""
)
_TAKE = Command(
    """
UPDATE tokens SET lease_until = :until
WHERE facility_id = :facility AND upstream = :upstream AND lease_until < :now
"""
)
_REPLACED = message("credentials.replaced")
