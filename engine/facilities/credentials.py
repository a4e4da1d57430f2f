"""Accounts of facilities at upstreams: address and secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adapters.base import Account
from adapters.messages import message
from engine.database.database import Database
from engine.errors import VaultError
from engine.facilities.cache import FacilityCache
from engine.facilities.facilities import sealed_credentials
from engine.facilities.particulars import ORGANIZATION_ID
from engine.facilities.vault import Vault
from engine.specs.upstream import UpstreamSpec


@dataclass(frozen=True, slots=True)
class NoAccount:
    """The reason for which there is no account, and the version of the credentials; None: the reason holds for any."""

    reason: str
    version: int | None = None


class Accounts:
    """Accounts by facility and upstream, read again when credentials were changed."""

    def __init__(
        self, database: Database, vault: Vault, addresses: Mapping[str, str], facilities: FacilityCache
    ) -> None:
        self._database = database
        self._facilities = facilities
        self._vault = vault
        self._addresses = addresses
        # With the version of FacilityCache that each was read at.
        self._accounts: dict[tuple[int, str], tuple[int, Account]] = {}

    async def get(self, facility_id: int, upstream: UpstreamSpec, *, fresh: bool = False) -> Account | NoAccount:
        """Return the account, or the reason for which there is none; `fresh` reads it from the database now."""
        address = self._addresses.get(upstream.name)
        if not address:
            return NoAccount(message("account.no_address", upstream=upstream.label))
        key, changes = (facility_id, upstream.name), await self._facilities.version(fresh=fresh)
        read_at, account = self._accounts.get(key, (0, None))
        if fresh or account is None or changes != read_at:
            sealed, version = await sealed_credentials(self._database, facility_id, upstream.name)
            try:
                secrets = self._vault.open(sealed) if sealed else {}
                entered = Account(facility_id, address, secrets | await self._own(facility_id, upstream), version)
            except VaultError:
                words = message("account.sealed", upstream=upstream.label)
                return NoAccount(words, version)
            # Keep the same object as long as nothing changed: adapters prepare headers per account.
            account = account if account == entered else entered
            self._accounts[key] = (changes, account)
        absent = [str(label) for name, label in upstream.credentials.items() if not account.credentials.get(name)]
        if absent:
            return NoAccount(message("account.incomplete", upstream=upstream.label, names=absent), account.version)
        return account

    async def _own(self, facility_id: int, upstream: UpstreamSpec) -> dict[str, str]:
        """Return the credential that the clinic's own row holds, if the upstream asks for it."""
        facility = await self._facilities.one(facility_id) if ORGANIZATION_ID in upstream.credentials else None
        return {ORGANIZATION_ID: facility.organization_id} if facility and facility.organization_id else {}
