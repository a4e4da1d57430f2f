"""Who keeps the house: the first administrator, and that there always is one."""

from __future__ import annotations

import hashlib
import hmac

import orjson
from sqlalchemy import Connection, insert, select

from admin.people import users
from admin.people.permissions import Permission
from engine.database.audit import note
from engine.database.database import Database
from engine.database.tables import Installation, Role, User
from engine.errors import AntarError
from engine.hub import Hub

FIRST_ROLE = "superadmin"
MOST_NAMED = 3
"""People who are named to whoever needs a right."""


class NobodyLeft(AntarError):
    """After the change nobody could manage users any more."""


class TooLate(AntarError):
    """There is a user already."""


def setup_token(hub: Hub) -> str:
    """What opens the making of the first administrator: the same in every process, known to who starts them."""
    key = hub.settings.secret_keys[0].encode()
    return hmac.new(key, b"first administrator", hashlib.sha256).hexdigest()[:32]


async def add_first(database: Database, name: str, password: str) -> None:
    """Add the first administrator; raises TooLate if there is anybody, AntarError if the password will not do."""
    password_hash = await users.hashed(password)

    def run(connection: Connection) -> None:
        lock_staff(connection)
        if connection.execute(select(User.id).limit(1)).first():
            raise TooLate("there is a user already")
        now = database.clock()
        connection.execute(insert(User), users.row_of(name, password_hash, FIRST_ROLE, now))
        note(connection, now, name, "user.first", reason=name)

    await database.write(run)


def lock_staff(connection: Connection) -> None:
    """One at a time: of two who change people at once, the second sees what the first did."""
    connection.execute(select(Installation.id).with_for_update())


def keep_a_manager(connection: Connection) -> None:
    """Raise NobodyLeft if nobody can manage the whole installation any more; call it after the change, locked."""
    query = select(Role.permissions).join(User, User.role == Role.name)
    rows = connection.execute(query.where(User.disabled.is_(False), User.facility_id.is_(None)))
    if not any(Permission.MANAGE in orjson.loads(row.permissions) for row in rows):
        raise NobodyLeft("nobody could manage users any more")


async def managers(database: Database, facility_id: int | None) -> list[str]:
    """Names of those who may change what a person of that facility may do, at most MOST_NAMED."""
    query = (
        select(User.name, Role.permissions)
        .join(Role, Role.name == User.role)
        .where(User.disabled.is_(False), User.facility_id.is_(None) | (User.facility_id == facility_id))
        .order_by(User.id)
    )
    rows = await database.fetch(query)
    return [row.name for row in rows if Permission.MANAGE in orjson.loads(row.permissions)][:MOST_NAMED]
