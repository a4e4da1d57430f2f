"""Clinics: their names, their credentials for upstreams, and the API keys of their systems."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple, get_args
from zoneinfo import ZoneInfo

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from engine.database.database import Database
from engine.database.statements import Command, Query, Statement
from engine.database.tables import ApiKey, Facility
from engine.database.transaction import ModelTransaction, Transaction
from engine.errors import AntarError, NotFound, VaultError
from engine.facilities.vault import Vault

NOT_ENTERED = 0  # version of credentials that have not been entered yet
CREDENTIALS_LOCK = 0x63726564  # "cred": with the facility's id, the key of an advisory lock of PostgreSQL
DEFAULT_ESCALATION_HOURS = 24
USE_NOTED_MS = 600_000  # between two notes that a key is in use

OwnedTable = Literal[
    "deliveries", "items", "jobs", "inbound_requests", "visits", "patients", "saved_views"
]  # each row belongs to one clinic and has an id


@dataclass(frozen=True, slots=True)
class FacilityRow:
    """One clinic as the engine and the templates see it."""

    id: int
    code: str
    name: str
    time_zone: str
    organization_id: str
    escalation_hours: int = DEFAULT_ESCALATION_HOURS  # after which an open problem is escalated; 0: never

    def local(self, at: int) -> datetime:
        """Return a time (epoch milliseconds) in the clinic's time zone."""
        return datetime.fromtimestamp(at / 1000, ZoneInfo(self.time_zone))


class ApiKeyRow(NamedTuple):
    """An API key without its secret; `facility` is the clinic's code."""

    facility: str
    name: str
    prefix: str
    created_at: int
    expires_at: int | None
    last_used_at: int | None


_COLUMNS = (
    Facility.id,
    Facility.code,
    Facility.name,
    Facility.time_zone,
    Facility.organization_id,
    Facility.escalation_hours,
)


SECRET_WORDS = ("secret", "password", "key")


def is_secret(name: str) -> bool:
    """Return whether a credential of this name is hidden while it is typed."""
    return any(word in name for word in SECRET_WORDS)


def is_address(name: str) -> bool:
    """Return whether a credential of this name is the URL of a clinic's own system."""
    return name.endswith("_url")


async def all_facilities(database: Database) -> list[FacilityRow]:
    """Return all clinics, the oldest first."""
    return await database.fetch(Query(select(*_COLUMNS).order_by(Facility.id), FacilityRow))


async def by_code(database: Database, code: str | None) -> FacilityRow:
    """Return the clinic of that code; without a code the oldest one. Raises NotFound."""
    facilities = await all_facilities(database)
    for facility in facilities:
        if code in (None, facility.code):
            return facility
    codes = ", ".join(facility.code for facility in facilities) or "none; add one with `antar facility add`"
    raise NotFound(f"no facility {code!r}; known: {codes}")


async def facility_id_of(database: Database, table: OwnedTable, id_: int) -> int | None:
    """Return the id of the clinic to which a row belongs; None if there is no such row."""
    return await database.first(_OWNER[table], {"id": id_})


async def add_facility(
    database: Database, code: str, name: str, time_zone: str = "Asia/Jakarta", organization_id: str = ""
) -> FacilityRow:
    """Add a clinic; raises AntarError if the code is taken."""
    row = insert(Facility).values(
        code=code, name=name, time_zone=time_zone, organization_id=organization_id, created_at=database.clock()
    )

    async def store(tx: ModelTransaction) -> int:
        await note_change(tx)
        [id_] = await tx.rows(Query(row.returning(Facility.id), int))
        return id_

    try:
        id_ = await database.write_models(store)
    except IntegrityError as error:
        raise AntarError(f"there is a facility {code!r} already; choose another code") from error
    return FacilityRow(id_, code, name, time_zone, organization_id)


async def note_change(tx: Transaction) -> None:
    """Let every process read clinics and credentials again; part of each transaction that changes one."""
    await tx.execute(_NOTE_CHANGE)


async def set_credentials(
    database: Database, vault: Vault, facility_id: int, upstream: str, secrets_: Mapping[str, str]
) -> None:
    """Replace the secrets for an upstream; its token is dropped and its queue opened, so that they are used at once."""
    sealed, now = vault.seal(secrets_), database.clock()
    await database.write(put_credentials, facility_id, upstream, sealed, now)


async def put_credentials(tx: Transaction, facility_id: int, upstream: str, sealed: bytes, now: int) -> None:
    """Replace the secrets within the caller's transaction."""
    await lock_credentials(tx, facility_id)
    values = {"facility": facility_id, "upstream": upstream, "sealed": sealed, "now": now}
    for command in _REOPEN:
        await tx.execute(command, values)
    await tx.execute(_ENTER, values)
    await note_change(tx)


def merged(vault: Vault, sealed: bytes | None, secrets_: Mapping[str, str]) -> bytes:
    """Return sealed secrets with some of them replaced; those that no key opens any more are dropped."""
    try:
        kept = vault.open(sealed) if sealed else {}
    except VaultError:  # sealed with a key that has been removed: all of them have to be entered again
        kept = {}
    return vault.seal({**kept, **secrets_})


async def is_current(tx: Transaction, facility_id: int, upstream: str, version: int) -> bool:
    """Return whether the credentials are still those of `version`; nobody replaces them before the transaction ends."""
    await lock_credentials(tx, facility_id)
    current = await tx.first(_SEALED, {"facility": facility_id, "upstream": upstream})
    return (NOT_ENTERED if current is None else current.version) == version


async def lock_credentials(tx: Transaction, facility_id: int) -> None:
    """Lock the credentials of a clinic until the transaction ends."""
    # An advisory lock, because there is no row to lock before the first entry. SQLite has one writer anyway.
    if tx.dialect != "sqlite":
        await tx.execute(_LOCK, {"kind": CREDENTIALS_LOCK, "facility": facility_id})


async def sealed_credentials(database: Database, facility_id: int, upstream: str) -> tuple[bytes | None, int]:
    """Return the sealed secrets and their version; None and NOT_ENTERED if none were entered."""
    row = await database.first(_SEALED, {"facility": facility_id, "upstream": upstream})
    return row or (None, NOT_ENTERED)


async def entered_at(database: Database, facility_id: int) -> dict[str, int]:
    """Return upstream -> when its secrets were last entered (epoch ms); upstreams without secrets are left out."""
    return {row.upstream: row.changed_at for row in await database.fetch(_ENTERED, {"facility": facility_id})}


async def credentials(database: Database, vault: Vault, facility_id: int, upstream: str) -> dict[str, str]:
    """Return the opened secrets; empty if none were entered. Raises VaultError."""
    sealed, _ = await sealed_credentials(database, facility_id, upstream)
    return vault.open(sealed) if sealed else {}


async def new_api_key(database: Database, facility_id: int, name: str, valid_days: int | None = None) -> str:
    """Create a key and return it; only its hash is stored. Older keys stay valid until they are revoked (rotation)."""
    now = database.clock()
    _, key = await database.write_models(add_api_key, now, facility_id, name, valid_days)
    return key


async def add_api_key(
    tx: ModelTransaction, now: int, facility_id: int, name: str, valid_days: int | None
) -> tuple[int, str]:
    """Create a key within the caller's transaction; return the id of its row, and the key."""
    prefix = secrets.token_hex(4)
    key = f"antar_{prefix}_{secrets.token_urlsafe(32)}"
    row = insert(ApiKey).values(
        facility_id=facility_id,
        name=name,
        prefix=prefix,
        hash=_hash(key),
        created_at=now,
        expires_at=now + valid_days * 86_400_000 if valid_days else None,
    )
    [id_] = await tx.rows(Query(row.returning(ApiKey.id), int))
    return id_, key


async def revoke_api_key(database: Database, prefix: str) -> None:
    """End a key at once; raises NotFound."""
    ended = update(ApiKey).where(ApiKey.prefix == prefix).values(expires_at=database.clock())
    if not await database.write_models(ModelTransaction.execute, ended):
        raise NotFound(f"no API key begins with {prefix!r}; `antar key list` shows them")


async def api_keys(database: Database) -> list[ApiKeyRow]:
    """Return all keys, the oldest first."""
    return await database.fetch(_API_KEYS)


async def by_api_key(database: Database, key: str) -> tuple[FacilityRow, int] | None:
    """Return the clinic and the id of a key, None for an unknown or expired key; note its use every USE_NOTED_MS."""
    now = database.clock()
    row = await database.first(_BY_KEY, {"hash": _hash(key), "now": now})
    if row is None:
        return None
    if row.last_used_at is None or now - row.last_used_at > USE_NOTED_MS:
        await database.execute(_USED, {"id": row.key_id, "now": now})
    return FacilityRow(*row[2:]), row.key_id


def _hash(key: str) -> str:
    # Plain SHA-256 is enough: the key is 256 random bits, not a password.
    return hashlib.sha256(key.encode()).hexdigest()


class _KeyOfFacility(NamedTuple):
    """An API key with the columns of FacilityRow."""

    key_id: int
    last_used_at: int | None
    id: int
    code: str
    name: str
    time_zone: str
    organization_id: str
    escalation_hours: int


class _Sealed(NamedTuple):
    sealed: bytes
    version: int


class _Entered(NamedTuple):
    upstream: str
    changed_at: int


_OWNER = {table: Statement(f"SELECT facility_id FROM {table} WHERE id = :id", int) for table in get_args(OwnedTable)}
_LOCK = Command("SELECT pg_advisory_xact_lock(:kind, :facility)", only="postgresql")
_API_KEYS = Statement(
    "SELECT f.code AS facility, k.name, k.prefix, k.created_at, k.expires_at, k.last_used_at "
    "FROM api_keys AS k JOIN facilities AS f ON f.id = k.facility_id ORDER BY k.id",
    ApiKeyRow,
)
_NOTE_CHANGE = Command("UPDATE installation SET facilities_version = facilities_version + 1")
_ENTERED = Statement("SELECT upstream, changed_at FROM credentials WHERE facility_id = :facility", _Entered)
_SEALED = Statement(
    "SELECT sealed, version FROM credentials WHERE facility_id = :facility AND upstream = :upstream", _Sealed
)
_REOPEN = [
    Command(f"DELETE FROM {table} WHERE facility_id = :facility AND upstream = :upstream")
    for table in ("tokens", "channels")
]
_BY_KEY = Statement(
    """
SELECT k.id AS key_id, k.last_used_at, f.id, f.code, f.name, f.time_zone, f.organization_id,
  f.escalation_hours
FROM api_keys AS k JOIN facilities AS f ON f.id = k.facility_id
WHERE k.hash = :hash AND (k.expires_at IS NULL OR k.expires_at > :now)
""",
    _KeyOfFacility,
)
_USED = Command("UPDATE api_keys SET last_used_at = :now WHERE id = :id")
_ENTER = Command(
    """
INSERT INTO credentials (facility_id, upstream, sealed, changed_at, version)
VALUES (:facility, :upstream, :sealed, :now, 1)
ON CONFLICT (facility_id, upstream) DO UPDATE SET sealed = excluded.sealed, changed_at = excluded.changed_at,
  version = credentials.version + 1
"""
)
