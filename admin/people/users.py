"""Users: the people who may log in, with their names, passwords (argon2id) and roles."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import orjson
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import delete, insert, or_, select
from sqlalchemy.exc import IntegrityError

from admin.people.permissions import Permission
from engine.database.audit import note
from engine.database.database import Database
from engine.database.statements import Command, Query, Statement
from engine.database.tables import Facility, Role, User
from engine.database.transaction import ModelTransaction, Transaction
from engine.errors import AntarError, NotFound

MIN_PASSWORD_CHARS = 10  # characters of a password (OWASP ASVS 2.1 asks for length, not for kinds of characters)

_hasher = PasswordHasher()


@dataclass(frozen=True, slots=True)
class Person:
    """Logged-in person."""

    id: int
    name: str
    role: str
    session_version: int
    permissions: frozenset[str]
    facility_id: int | None  # the only facility whose deliveries they see; None for all
    facility_code: str | None

    def may(self, permission: Permission) -> bool:
        return permission in self.permissions


async def add_user(
    database: Database, name: str, password: str, role: str = "admin", facility_id: int | None = None
) -> None:
    """Add a person, who sees only `facility_id` if it is given; raise AntarError naming what is wrong."""
    roles = await database.fetch(Query(select(Role.name).order_by(Role.name), str))
    if role not in roles:
        raise AntarError(f"no role {role!r}; use {' or '.join(roles)}")
    values = row_of(name, await hashed(password), role, database.clock(), facility_id)
    try:
        await database.write_models(ModelTransaction.execute, insert(User), values)
    except IntegrityError as error:
        raise AntarError(f"there is a user {name!r} already; choose another name or set a new password") from error


def row_of(name: str, password_hash: str, role: str, now: int, facility_id: int | None = None) -> dict[str, Any]:
    """Return a new person as a row of the table `users`."""
    return {
        "name": name,
        "password_hash": password_hash,
        "role": role,
        "facility_id": facility_id,
        "session_version": 1,
        "created_at": now,
        "disabled": False,
    }


async def hashed(password: str) -> str:
    """Return the hash (argon2id) of a password. Raise AntarError if it is too short."""
    if len(password) < MIN_PASSWORD_CHARS:
        raise AntarError(f"a password has at least {MIN_PASSWORD_CHARS} characters; this one has {len(password)}")
    # In a thread, because argon2 is slow on purpose.
    return await asyncio.to_thread(_hasher.hash, password)


async def set_password(database: Database, name: str, password: str) -> None:
    """Set a new password and end every session of the person; raise NotFound."""
    parameters = {"name": name, "hash": await hashed(password)}
    if not await database.execute(_SET, parameters):
        raise NotFound(f"no user {name!r}")


async def change_password(database: Database, person: Person, old: str, new: str) -> int | None:
    """Set the person's own password if `old` is theirs, and end all their sessions; return the new session version.

    None: the old password is wrong, or another change was faster.
    """
    before = await database.first(Query(_PEOPLE.where(User.id == person.id), _PersonRow))
    if before is None or not await asyncio.to_thread(_matches, before.password_hash, old):
        return None
    return await database.write(_change, person, before.password_hash, await hashed(new))


async def _change(tx: Transaction, person: Person, before: str, password_hash: str) -> int | None:
    version = await tx.first(_CHANGE, {"id": person.id, "before": before, "hash": password_hash})
    if version is not None:
        await note(tx, tx.now, person.name, "user.password", facility_id=person.facility_id, reason=person.name)
    return version


async def names(database: Database, facility_id: int | None) -> list[str]:
    """Return the names of the users of a facility, of all users for None."""
    query = select(User.name).order_by(User.name)
    mine = query if facility_id is None else query.where(User.facility_id == facility_id)
    return await database.fetch(Query(mine, str))


async def who_may(database: Database, facility_id: int, permission: Permission) -> list[str]:
    """Return the names of the enabled users who see a facility and whose role has a permission."""
    query = select(User.name, Role.permissions).join(Role, Role.name == User.role)
    seeing = query.where(User.disabled.is_(False), or_(User.facility_id.is_(None), User.facility_id == facility_id))
    rows = await database.fetch(Query(seeing.order_by(User.name), _UserRole))
    return [row.name for row in rows if permission in orjson.loads(row.permissions)]


class _UserRole(NamedTuple):
    name: str
    permissions: str


class ListedUser(NamedTuple):
    """A user for a list; `facility` is the code of the only clinic they see, None for all."""

    name: str
    role: str
    facility: str | None
    disabled: bool


async def everybody(database: Database) -> list[ListedUser]:
    """Return all users by name, disabled ones too."""
    query = select(User.name, User.role, Facility.code, User.disabled).join(
        Facility, Facility.id == User.facility_id, isouter=True
    )
    return await database.fetch(Query(query.order_by(User.name), ListedUser))


async def role_label(database: Database, role: str) -> str:
    """Return the label of a role."""
    return await database.first(Query(select(Role.label).where(Role.name == role), str)) or role


async def replace_user(database: Database, name: str, password: str, role: str) -> None:
    """Add the person, replacing a user of the same name."""
    await database.write_models(ModelTransaction.execute, delete(User).where(User.name == name))
    await add_user(database, name, password, role)


async def verify(database: Database, name: str, password: str) -> Person | None:
    """Return the person if the password is theirs; an unknown name takes as long."""
    if "\x00" in name:  # PostgreSQL refuses to compare it
        name = ""
    row = await database.first(Query(_PEOPLE.where(User.name == name), _PersonRow))
    # In a thread: argon2 is slow on purpose, and other requests must not wait for it.
    matches = await asyncio.to_thread(_matches, row.password_hash if row else None, password)
    return _person(row) if row and matches else None


async def by_id(database: Database, id_: int) -> Person | None:
    """Return the person of a session, None if they have been removed or disabled."""
    row = await database.first(Query(_PEOPLE.where(User.id == id_), _PersonRow))
    return _person(row) if row else None


async def end_sessions(database: Database, person: Person) -> None:
    """End every session of the person on every device, including copied cookies."""
    await database.execute(_END, {"id": person.id})


async def anybody(database: Database) -> bool:
    """Return True if there is any user; a new installation has none."""
    return bool(await database.fetch(_ANYBODY))


_SET = Command("UPDATE users SET password_hash = :hash, session_version = session_version + 1 WHERE name = :name")
_CHANGE = Statement(
    """
UPDATE users SET password_hash = :hash, session_version = session_version + 1
WHERE id = :id AND password_hash = :before RETURNING session_version
""",
    int,
)
_END = Command("UPDATE users SET session_version = session_version + 1 WHERE id = :id")
_ANYBODY = Statement("SELECT 1 FROM users LIMIT 1", int)


class _PersonRow(NamedTuple):
    """A user who may log in, with the permissions (JSON text) of the role."""

    id: int
    name: str
    password_hash: str
    role: str
    session_version: int
    permissions: str
    facility_id: int | None
    facility_code: str | None


_PEOPLE = (
    select(
        User.id,
        User.name,
        User.password_hash,
        User.role,
        User.session_version,
        Role.permissions,
        User.facility_id,
        Facility.code.label("facility_code"),
    )
    .join(Role, Role.name == User.role)
    .join(Facility, Facility.id == User.facility_id, isouter=True)
    .where(User.disabled.is_(False))
)


def _person(row: _PersonRow) -> Person:
    permissions = frozenset(orjson.loads(row.permissions))
    return Person(row.id, row.name, row.role, row.session_version, permissions, row.facility_id, row.facility_code)


def _matches(stored: str | None, password: str) -> bool:
    nobodys = _nobodys_hash()  # computed for every name, so that the first unknown one does not take longer
    try:
        return _hasher.verify(stored or nobodys, password)
    except (VerifyMismatchError, InvalidHashError):
        return False


@cache
def _nobodys_hash() -> str:
    return _hasher.hash("nobody has this password")
