"""With which address and secrets a facility calls an upstream."""

from __future__ import annotations

from collections.abc import Mapping

from adapters.base import Account
from engine.database import Database
from engine.errors import VaultError
from engine.facilities import credentials
from engine.spec import UpstreamSpec
from engine.vault import Vault

FRESH = 5_000
"""Milliseconds that opened secrets are kept in memory."""


class Accounts:
    """Accounts by facility and upstream, read again now and then so that new credentials count at once."""

    def __init__(self, database: Database, vault: Vault, addresses: Mapping[str, str]) -> None:
        self._database = database
        self._vault = vault
        self._addresses = addresses
        self._known: dict[tuple[int, str], tuple[int, Account]] = {}

    async def get(self, facility_id: int, upstream: UpstreamSpec, *, fresh: bool = False) -> Account | str:
        """The account, or in words what is missing for it; `fresh`: as it is entered this moment."""
        address = self._addresses.get(upstream.name)
        if not address:
            return f"Alamat {upstream.label} belum ditentukan untuk lingkungan ini."
        key, now = (facility_id, upstream.name), self._database.clock()
        read_at, account = self._known.get(key, (0, None))
        if fresh or account is None or now - read_at > FRESH:
            try:
                opened = await credentials(self._database, self._vault, facility_id, upstream.name)
            except VaultError:
                return f"Kredensial {upstream.label} tidak dapat dibuka dengan ANTAR_SECRET_KEY; masukkan lagi."
            entered = Account(facility_id, address, opened)
            # The same object as long as nothing changed: adapters prebuild headers per account.
            account = account if account == entered else entered
            self._known[key] = (now, account)
        absent = [label for name, label in upstream.credentials.items() if not account.credentials.get(name)]
        if absent:
            return f"Kredensial {upstream.label} belum lengkap: {', '.join(absent)}."
        return account
