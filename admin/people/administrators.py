"""The first administrator, and the rule that there is always at least one."""

from __future__ import annotations

import hashlib
import hmac
from typing import NamedTuple

import orjson
from sqlalchemy import delete, insert, select

from admin.people import users
from admin.people.permissions import Permission
from engine.database.audit import note
from engine.database.database import Database
from engine.database.statements import Query
from engine.database.tables import Installation, Role, User
from engine.database.transaction import ModelTransaction
from engine.errors import AntarError, NotFound
from engine.settings import Settings

FIRST_ROLE = "superadmin"
MAX_NAMED = 3  # people who are named to a person that lacks a permission


class NoManagerLeft(AntarError):
    """A change would leave nobody who can manage users."""


class UserExists(AntarError):
    """Raised when there is a user already, so that no first administrator can be added."""


def setup_token(settings: Settings) -> str:
    """Return the token that allows to make the first administrator.

    It is the same in every process and known only to the people who start the processes.
    """
    key = settings.secret_keys[0].encode()
    return hmac.new(key, b"first administrator", hashlib.sha256).hexdigest()[:32]


async def add_first(database: Database, name: str, password: str) -> None:
    """Add the first administrator; raise UserExists if there is a user, AntarError if the password is too short."""
    await database.write_models(_add_first, name, await users.hashed(password))


async def _add_first(tx: ModelTransaction, name: str, password_hash: str) -> None:
    await lock_users(tx)
    if await tx.first(Query(select(User.id).limit(1), int)) is not None:
        raise UserExists("there is a user already")
    await tx.execute(insert(User), users.row_of(name, password_hash, FIRST_ROLE, tx.now))
    await note(tx, tx.now, name, "user.first", reason=name)


async def remove_user(database: Database, name: str, actor: str) -> None:
    """Remove a person by name; raise NotFound, and NoManagerLeft for the last one who can manage users."""

    async def remove(tx: ModelTransaction) -> None:
        row = await tx.first(Query(select(User.id, User.facility_id).where(User.name == name), _Removed))
        if row is None:
            raise NotFound(f"no user {name!r}; `antar user list` shows them")
        await put_away(tx, row.id)
        await note(tx, tx.now, actor, "user.remove", facility_id=row.facility_id, reason=name)

    await database.write_models(remove)


class _Removed(NamedTuple):
    id: int
    facility_id: int | None


async def put_away(tx: ModelTransaction, user_id: int) -> None:
    """Remove a person within the caller's transaction; raise NoManagerLeft."""
    await lock_users(tx)
    await tx.execute(delete(User).where(User.id == user_id))
    await keep_a_manager(tx)


async def lock_users(tx: ModelTransaction) -> None:
    """Lock the users until the transaction ends: a second change at the same time sees the first."""
    await tx.execute(select(Installation.id).with_for_update())


async def keep_a_manager(tx: ModelTransaction) -> None:
    """Raise NoManagerLeft if nobody can manage the whole installation; called after the change, under the lock."""
    query = select(Role.permissions).join(User, User.role == Role.name)
    roles = await tx.rows(Query(query.where(User.disabled.is_(False), User.facility_id.is_(None)), str))
    if not any(Permission.MANAGE in orjson.loads(permissions) for permissions in roles):
        raise NoManagerLeft("nobody could manage users any more")


class _Colleague(NamedTuple):
    """A person, with the permissions (JSON text) of the role."""

    name: str
    permissions: str


async def managers(database: Database, facility_id: int | None) -> list[str]:
    """Return names of people who may change the permissions of a person of the facility, at most MAX_NAMED."""
    query = (
        select(User.name, Role.permissions)
        .join(Role, Role.name == User.role)
        .where(User.disabled.is_(False), User.facility_id.is_(None) | (User.facility_id == facility_id))
        .order_by(User.id)
    )
    rows = await database.fetch(Query(query, _Colleague))
    return [row.name for row in rows if Permission.MANAGE in orjson.loads(row.permissions)][:MAX_NAMED]
