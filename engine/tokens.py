"""Bearer tokens in the database, sealed, so that all processes share one and only one of them renews it."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, text

from adapters.base import Account, StoredToken
from engine.database import Database
from engine.errors import VaultError
from engine.models import Token
from engine.vault import Vault


class DatabaseTokens:
    """adapters.base.TokenStore on the table `tokens`."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def load(self, account: Account, upstream: str) -> StoredToken:
        query = select(Token.sealed, Token.expires_at, Token.refused_at, Token.refusal).where(
            Token.facility_id == account.facility_id, Token.upstream == upstream
        )
        rows = await self._database.fetch(query)
        if not rows:
            return StoredToken()
        row = rows[0]
        return StoredToken(self._open(row.sealed), row.expires_at / 1000, row.refused_at / 1000, row.refusal)

    def _open(self, sealed: bytes | None) -> str:
        """Sealed with a key that was taken away it is none: another is asked for."""
        try:
            return self._vault.open(sealed)["token"] if sealed else ""
        except VaultError:
            return ""

    async def lease(self, account: Account, upstream: str, seconds: float) -> bool:
        now = self._database.clock()
        key = {"facility": account.facility_id, "upstream": upstream}

        def take(connection: Connection) -> bool:
            connection.execute(text(_PRESENT), key)
            taken = connection.execute(text(_TAKE), {**key, "now": now, "until": now + int(seconds * 1000)})
            return taken.rowcount == 1

        return await self._database.write(take)

    async def save(self, account: Account, upstream: str, token: StoredToken) -> None:
        values = {
            "sealed": self._vault.seal({"token": token.value}) if token.value else None,
            "expires_at": int(token.expires_at * 1000),
            "refused_at": int(token.refused_at * 1000),
            "refusal": token.refusal,
            "lease_until": 0,
        }
        where = (Token.facility_id == account.facility_id, Token.upstream == upstream)

        def write(connection: Connection) -> None:
            done = connection.execute(Token.__table__.update().where(*where).values(**values))  # type: ignore[attr-defined]
            if not done.rowcount:
                connection.execute(insert(Token).values(facility_id=account.facility_id, upstream=upstream, **values))

        await self._database.write(write)


_PRESENT = """
INSERT INTO tokens (facility_id, upstream, expires_at, refused_at, refusal, lease_until)
VALUES (:facility, :upstream, 0, 0, '', 0) ON CONFLICT DO NOTHING
"""
_TAKE = """
UPDATE tokens SET lease_until = :until
WHERE facility_id = :facility AND upstream = :upstream AND lease_until < :now
"""
