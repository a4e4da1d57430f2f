"""Saved views: names for filtered lists of a clinic, a person's own or shared with everybody who may see the clinic."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from sqlalchemy.exc import IntegrityError

from admin.people.permissions import Permission
from admin.people.users import Person
from engine.database.audit import note
from engine.database.database import Database
from engine.database.statements import Command, Statement
from engine.database.transaction import Transaction

MAX_VIEWS = 40  # of a person in one clinic, and of those that everybody of the clinic sees
MAX_NAME_CHARACTERS = 60


class SaveResult(StrEnum):
    """Result of saving or renaming a view."""

    DONE = "done"
    TAKEN = "taken"  # another view has the name
    FULL = "full"
    NAMELESS = "nameless"


class ViewPlace(NamedTuple):
    """Place that a view leads to: a page, for lists the type, its filter as a query without days, and the days.

    `days` is two dates with a comma between them, or the name of a span that moves on, such as `today`.
    """

    page: str
    spec: str
    query: str
    days: str


class SavedView(NamedTuple):
    """A saved view; `user_id` is None if it is shared. `owner` is the name of the person who saved it."""

    id: int
    facility_id: int
    user_id: int | None
    owner: str
    name: str
    page: str
    spec: str
    query: str
    days: str

    @property
    def shared(self) -> bool:
        return self.user_id is None

    def is_kept_by(self, person: Person) -> bool:
        """Return whether the person may rename and delete the view."""
        own = self.user_id == person.id or (self.shared and self.owner == person.name)
        return own or (self.shared and person.may(Permission.MANAGE))


async def views_of(database: Database, facility_id: int, person: Person) -> list[SavedView]:
    """Return the views of a clinic that the person sees: their own and the shared ones, by name."""
    return await database.fetch(_SEEN, {"facility": facility_id, "user": person.id})


async def one(database: Database, id_: int, person: Person) -> SavedView | None:
    """Return a view; None if it does not exist or is another person's own."""
    return await database.first(_ONE, {"id": id_, "user": person.id})


async def save(
    database: Database, facility_id: int, person: Person, name: str, place: ViewPlace, *, shared: bool
) -> SaveResult:
    """Store a view unless its name is taken among the person's own, or among the shared ones."""
    name = short(name)
    return await database.write(_save, facility_id, person, name, place, shared) if name else SaveResult.NAMELESS


async def rename(database: Database, view: SavedView, person: Person, name: str) -> SaveResult:
    """Give a view another name."""
    name = short(name)
    if not name:
        return SaveResult.NAMELESS
    try:
        return await database.write(_rename, view, person, name)
    except IntegrityError:  # somebody else took the name at the same moment
        return SaveResult.TAKEN


async def delete(database: Database, view: SavedView, person: Person) -> None:
    """Delete a view; one that is gone already changes nothing."""
    await database.write(_delete, view, person)


def short(name: str) -> str:
    """Return a name on one line, cut to its longest length."""
    return " ".join(name.replace("\x00", "").split())[:MAX_NAME_CHARACTERS].strip()


async def _save(
    tx: Transaction, facility_id: int, person: Person, name: str, place: ViewPlace, shared: bool
) -> SaveResult:
    user = None if shared else person.id
    of = {"facility": facility_id, "user": user}
    if (await tx.first(_COUNT_SHARED if shared else _COUNT_OWN, of) or 0) >= MAX_VIEWS:
        return SaveResult.FULL
    values = {**of, "owner": person.name, "name": name, **place._asdict(), "now": tx.now}
    if await tx.first(_ADD, values) is None:
        return SaveResult.TAKEN
    action = "view.share" if shared else "view.save"
    await note(tx, tx.now, person.name, action, facility_id=facility_id, reason=name)
    return SaveResult.DONE


async def _rename(tx: Transaction, view: SavedView, person: Person, name: str) -> SaveResult:
    values = {"id": view.id, "name": name, "facility": view.facility_id, "user": view.user_id}
    taken = await tx.first(_NAMED_SHARED if view.shared else _NAMED_OWN, values)
    if taken not in (None, view.id):
        return SaveResult.TAKEN
    if await tx.execute(_RENAME, values):
        words = f"{view.name} → {name}"
        await note(tx, tx.now, person.name, "view.rename", facility_id=view.facility_id, reason=words)
    return SaveResult.DONE


async def _delete(tx: Transaction, view: SavedView, person: Person) -> None:
    if await tx.execute(_DELETE, {"id": view.id}):
        await note(tx, tx.now, person.name, "view.remove", facility_id=view.facility_id, reason=view.name)


_COLUMNS = "id, facility_id, user_id, owner, name, page, spec, query, days"
_SEEN = Statement(
    f"SELECT {_COLUMNS} FROM saved_views WHERE facility_id = :facility AND (user_id IS NULL OR user_id = :user) "
    "ORDER BY LOWER(name), id",
    SavedView,
)
_ONE = Statement(
    f"SELECT {_COLUMNS} FROM saved_views WHERE id = :id AND (user_id IS NULL OR user_id = :user)", SavedView
)
_COUNT_OWN = Statement("SELECT COUNT(*) FROM saved_views WHERE facility_id = :facility AND user_id = :user", int)
_COUNT_SHARED = Statement("SELECT COUNT(*) FROM saved_views WHERE facility_id = :facility AND user_id IS NULL", int)
_ADD = Statement(
    """
INSERT INTO saved_views (facility_id, user_id, owner, name, page, spec, query, days, created_at)
VALUES (:facility, :user, :owner, :name, :page, :spec, :query, :days, :now) ON CONFLICT DO NOTHING RETURNING id
""",
    int,
)
_NAMED_OWN = Statement(
    "SELECT id FROM saved_views WHERE facility_id = :facility AND user_id = :user AND name = :name", int
)
_NAMED_SHARED = Statement(
    "SELECT id FROM saved_views WHERE facility_id = :facility AND user_id IS NULL AND name = :name", int
)
_RENAME = Command("UPDATE saved_views SET name = :name WHERE id = :id")
_DELETE = Command("DELETE FROM saved_views WHERE id = :id")
