"""With which address and secrets a facility calls an upstream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adapters.base import Account
from engine.database.database import Database
from engine.errors import VaultError
from engine.facilities.facilities import sealed_credentials
from engine.facilities.vault import Vault
from engine.specs.upstream import UpstreamSpec

FRESH_MS = 5_000  # Milliseconds that opened secrets are kept in memory


@dataclass(frozen=True, slots=True)
class NoAccount:
    """Why there is no account, in words, and by which version of the credentials; None: whatever they are."""

    reason: str
    version: int | None = None


class Accounts:
    """Accounts by facility and upstream, read again now and then so that new credentials count soon."""

    def __init__(self, database: Database, vault: Vault, addresses: Mapping[str, str]) -> None:
        self._database = database
        self._vault = vault
        self._addresses = addresses
        self._known: dict[tuple[int, str], tuple[int, Account]] = {}

    async def get(self, facility_id: int, upstream: UpstreamSpec, *, fresh: bool = False) -> Account | NoAccount:
        """The account, or what is missing for it; `fresh`: as it is entered this moment."""
        address = self._addresses.get(upstream.name)
        if not address:
            return NoAccount(f"Alamat {upstream.label} belum ditentukan untuk lingkungan ini.")
        key, now = (facility_id, upstream.name), self._database.clock()
        read_at, account = self._known.get(key, (0, None))
        if fresh or account is None or not 0 <= now - read_at <= FRESH_MS:
            sealed, version = await sealed_credentials(self._database, facility_id, upstream.name)
            try:
                entered = Account(facility_id, address, self._vault.open(sealed) if sealed else {}, version)
            except VaultError:
                words = f"Kredensial {upstream.label} tidak dapat dibuka dengan ANTAR_SECRET_KEY; masukkan lagi."
                return NoAccount(words, version)
            # The same object as long as nothing changed: adapters prebuild headers per account.
            account = account if account == entered else entered
            self._known[key] = (now, account)
        absent = [label for name, label in upstream.credentials.items() if not account.credentials.get(name)]
        if absent:
            return NoAccount(f"Kredensial {upstream.label} belum lengkap: {', '.join(absent)}.", account.version)
        return account
